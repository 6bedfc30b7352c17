package stress

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"trent/test/disk"
	"trent/test/harness"
)

// TestKilled kills the service with SIGKILL again and again while clients change and
// use keys. After every restart the trail verifies; in the end no mutation stands in
// the store without its one record, acknowledged or not, and no call was acknowledged
// without one.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"strict", "relaxed"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			crash(t, serve(t, t.TempDir(), durability, wait), harness.Rounds(3, 100), func(s *service) { s.Kill() })
		})
	}
}

// TestPowerLoss is TestKilled with the power of the disk failing, which forgets
// any of what was not synced, of the trail and of the store.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	d := disk.New(t, capacity)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	crash(t, serve(t, d.Path, "strict", wait), harness.Rounds(5, 100), func(s *service) {
		d.Break(syscall.EIO)
		s.Kill()
		d.LosePower(rng)
	})
}

// TestPowerLossRelaxed shows that the disk forgets, and what relaxed is: calls of the
// last moments have lost their records. But the service starts, each time, on a trail
// that verifies, what was cut off its end is kept and recorded, and no mutation has
// lost its record.
func TestPowerLossRelaxed(t *testing.T) {
	t.Parallel()
	d := disk.New(t, capacity)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := serve(t, d.Path, "relaxed", wait)
	c := newCallers(t, s)
	for range harness.Rounds(5, 50) {
		over := c.load(16)
		c.more(100)
		d.Break(syscall.EIO)
		s.Kill()
		over()
		d.LosePower(rng)
		c.verified()
		s.Restart()
		c.connect()
	}
	keys := c.keys()
	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order:\n%s", s.Output())
	}
	r := c.read()
	r.mutations(keys)
	lost := 0
	for _, m := range c.made {
		if m.code == "OK" && r.times[m.requestID] == 0 {
			lost++
		}
	}
	kept, err := filepath.Glob(filepath.Join(s.Data, "audit", "*", "*", "*.torn"))
	if err != nil || len(kept) != r.cuts {
		t.Errorf("%d ends are kept, %d are recorded, %v", len(kept), r.cuts, err)
	}
	if lost == 0 {
		t.Errorf("no record of %d calls was lost: the disk forgets nothing", len(c.made))
	}
	t.Logf("%d calls have lost their record, %d ends were cut off", lost, r.cuts)
}

// crash ends the service in some way, in the middle of its work, and starts it again.
func crash(t *testing.T, s *service, rounds int, end func(*service)) {
	t.Helper()
	c := newCallers(t, s)
	for round := range rounds {
		over := c.load(16)
		c.more(int64(50 + 20*(round%10)))
		end(s)
		over()
		c.verified()
		if t.Failed() {
			t.Fatalf("in round %d:\n%s", round, s.Output())
		}
		s.Restart()
		c.connect()
	}
	if bytes.Contains(s.Output(), []byte("the tree is made again")) {
		t.Errorf("a checkpoint was there without its tiles:\n%s", s.Output())
	}
	keys := c.keys()
	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order:\n%s", s.Output())
	}
	r := c.read()
	r.mutations(keys)
	r.calls()
}
