package stress

import (
	"math/rand/v2"
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
			crash(t, serve(t, t.TempDir(), durability), harness.Rounds(3, 100), func(s *service) { s.Kill() })
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
	crash(t, serve(t, d.Path, "strict"), harness.Rounds(5, 100), func(s *service) {
		d.Break(syscall.EIO)
		s.Kill()
		d.LosePower(rng)
	})
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
	keys := c.keys()
	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order:\n%s", s.Output())
	}
	c.recorded(keys)
}
