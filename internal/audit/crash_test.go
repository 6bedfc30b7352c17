package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// soak reports whether the long forms are asked for.
func soak() bool { return os.Getenv("TRENT_SOAK") == "1" }

// acknowledgements collects the records whose appends have returned.
type acknowledgements struct {
	mu   sync.Mutex
	list []string
}

func (a *acknowledgements) add(r string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, r)
}

func (a *acknowledgements) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.list)
}

// powerLoss appends from sixteen goroutines, takes the power away in the
// middle, and returns how many acknowledged records the next start has not.
func powerLoss(t *testing.T, mode Mode, noSync bool, total int, crashed func(*memFS) *memFS) (acknowledged, lost int) {
	t.Helper()
	m := newMemFS()
	m.noSync = noSync
	trail := openMem(t, m, mode, func(o *Options) {
		if o.SegmentBytes = 4 << 10; noSync {
			o.SegmentBytes = 1 << 20 // of several unsynced segments none could be opened
		}
	})
	var acks acknowledgements
	var all sync.WaitGroup
	var crash sync.Once
	var left *memFS
	for g := range 16 {
		all.Go(func() {
			for i := range total / 16 {
				r := fmt.Sprintf(`{"appender":%d,"n":%d}`, g, i)
				if err := trail.Append(t.Context(), []byte(r)); err != nil {
					t.Error(err)
				}
				acks.add(r)
				if acks.len() >= total/2 {
					crash.Do(func() {
						acks.mu.Lock()
						defer acks.mu.Unlock()
						acknowledged, left = len(acks.list), crashed(m)
					})
				}
			}
		})
	}
	all.Wait()
	mustClose(t, trail)
	again := openMem(t, left, mode)
	mustAppend(t, again, `{"after":1}`)
	mustClose(t, again)
	found := map[string]bool{}
	for _, r := range readAll(t, left) {
		found[r] = true
	}
	for _, r := range acks.list[:acknowledged] {
		if !found[r] {
			lost++
		}
	}
	return acknowledged, lost
}

func TestPowerLoss(t *testing.T) {
	t.Parallel()
	rounds, total := 10, 320
	if soak() {
		rounds, total = 100, 1600
	}
	for range rounds {
		for name, crashed := range map[string]func(*memFS) *memFS{
			"all": (*memFS).losePower, "ends": (*memFS).loseEnds, "sectors": (*memFS).loseSectors,
		} {
			if n, lost := powerLoss(t, Strict, false, total, crashed); n < total/2 || lost > 0 {
				t.Fatalf("strict, %s of what was not synced lost: %d of %d acknowledged records too", name, lost, n)
			}
		}
	}
	// The controls: the test sees what is lost when nobody has synced it.
	if _, lost := powerLoss(t, Relaxed, false, total, (*memFS).losePower); lost == 0 {
		t.Error("relaxed: a loss of power lost nothing; the file layer does not drop unsynced writes")
	}
	if n, lost := powerLoss(t, Strict, true, total, (*memFS).losePower); lost != n {
		t.Errorf("strict with a sync that does nothing: %d of %d lost, want all", lost, n)
	}
}

// With Relaxed a loss of power takes at most the newest segment's end: what
// stands before it was synced when that segment was begun, so the trail opens.
func TestPowerLossTakesTheNewestSegmentOnly(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{NoWait, Relaxed} {
		m := newMemFS()
		trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes, o.QueueBytes = 500, 1 })
		all := numbered("n", 50)
		mustAppend(t, trail, all...)
		before := 0
		for _, path := range m.segments()[:len(m.segments())-1] {
			before += strings.Count(string(m.content(path)), `{"n":`)
		}
		left := m.losePower()
		mustClose(t, trail)
		if before == 0 {
			t.Fatalf("%v: no segment is full", mode)
		}
		again := openMem(t, left, mode)
		mustClose(t, again)
		got := readAll(t, left)
		if len(got) < before || !slices.Equal(got, all[:len(got)]) {
			t.Errorf("%v: %d records are left, want at least %d", mode, len(got), before)
		}
	}
}

// The names by which a child process knows what to do.
const (
	childDir  = "TRENT_AUDIT_TEST_DIR"
	childMode = "TRENT_AUDIT_TEST_MODE"
	childRun  = "TRENT_AUDIT_TEST_ROUND"
)

// TestMain makes the test binary an appender when it is started as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := appendForever(dir, os.Getenv(childMode), os.Getenv(childRun)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// appendForever appends from sixteen goroutines and writes each acknowledged
// record to standard output, until it is killed or nobody reads.
func appendForever(dir, mode, round string) error {
	o := Options{Node: testNode, Mode: Strict, SegmentBytes: 64 << 10}
	if mode == Relaxed.String() {
		o.Mode = Relaxed
	}
	trail, err := Open(context.Background(), dir, o)
	if err != nil {
		return err
	}
	failed := make(chan error, 16)
	for g := range 16 {
		go func() {
			for i := 0; ; i++ {
				r := fmt.Sprintf(`{"round":%s,"appender":%d,"n":%d}`, round, g, i)
				if err := trail.Append(context.Background(), []byte(r)); err != nil {
					failed <- err
					return
				}
				if _, err := os.Stdout.WriteString(r + "\n"); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func TestKill(t *testing.T) {
	t.Parallel()
	rounds, acks := 4, 2000
	if soak() {
		rounds, acks = 20, 5000
	}
	for _, mode := range []Mode{Relaxed, Strict} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "audit")
			acknowledged := map[string]bool{}
			for round := range rounds {
				killRound(t, dir, mode, round, acks*(round+1)/rounds, acknowledged)
				verifyAfterKill(t, dir, acknowledged)
			}
		})
	}
}

// killRound starts an appender, kills it after n acknowledgements, and adds
// every acknowledgement that it managed to send.
func killRound(t *testing.T, dir string, mode Mode, round, n int, acknowledged map[string]bool) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childMode+"="+mode.String(), fmt.Sprintf("%s=%d", childRun, round))
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for got := 0; ; got++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // a line that was cut by the kill was not sent whole
		}
		if err != nil {
			t.Fatal(err)
		}
		acknowledged[strings.TrimSuffix(line, "\n")] = true
		if got == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the appender was not killed: %v, %s", err, stderr.String())
	}
}

func verifyAfterKill(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	// Before the next start the end may be torn; nothing else may be wrong.
	for _, err := range Records(dir) {
		if err != nil && !errors.Is(err, ErrTorn) {
			t.Fatalf("after the kill: %v", err)
		}
	}
	trail, err := Open(t.Context(), dir, Options{Node: testNode, Mode: Strict})
	if err != nil {
		t.Fatalf("open after the kill: %v", err)
	}
	mustAppend(t, trail, `{"restart":1}`)
	mustClose(t, trail)
	seen := map[string]int{}
	for r, err := range Records(dir) {
		if err != nil {
			t.Fatalf("after the restart: %v", err)
		}
		seen[string(r.JSON)]++
	}
	for r := range acknowledged {
		if seen[r] != 1 {
			t.Fatalf("acknowledged record %s stands %d times", r, seen[r])
		}
	}
}
