package audit

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowSyncs is a trail whose syncs take that long.
func slowSyncs(t *testing.T, sync time.Duration) *Trail {
	t.Helper()
	m := newMemFS()
	trail := openMem(t, m, Strict)
	m.hook(func() { m.onSync = func(string) error { time.Sleep(sync); return nil } })
	return trail
}

// Appenders that come back soon all share the next sync, though they had begun
// in two convoys; those that come later are not waited for.
func TestAppendersThatComeBackShareASync(t *testing.T) {
	t.Parallel()
	for think, want := range map[time.Duration]struct{ least, most uint64 }{
		100 * time.Microsecond:  {20, 22},
		300 * time.Microsecond:  {20, 22},
		1500 * time.Microsecond: {30, 20 * 16}, // two convoys at least; who is late is not waited for
	} {
		synctest.Test(t, func(t *testing.T) {
			const syncTime = 400 * time.Microsecond
			trail := slowSyncs(t, syncTime)
			var all sync.WaitGroup
			for g := range 16 {
				all.Go(func() {
					time.Sleep(syncTime / 2 * time.Duration(g%2)) // two convoys
					for i := range 20 {
						mustAppend(t, trail, fmt.Sprintf(`{"appender":%d,"n":%d}`, g, i))
						time.Sleep(think)
					}
				})
			}
			all.Wait()
			if s := trail.Stats(); s.Syncs < want.least || s.Syncs > want.most {
				t.Errorf("away for %v: %d syncs for 20 records of each appender, want %d to %d", think, s.Syncs, want.least, want.most)
			}
			mustClose(t, trail)
		})
	}
}

func TestLoneAppenderIsNotDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trail := slowSyncs(t, 400*time.Microsecond)
		start := time.Now()
		mustAppend(t, trail, numbered("n", 20)...)
		if took := time.Since(start); took != 20*400*time.Microsecond {
			t.Errorf("20 appends took %v, want the time of 20 syncs", took)
		}
		mustClose(t, trail)
	})
}

// Who waits for appenders that have gone away waits for a millisecond at most,
// and where syncs are fast for four of them.
func TestGatheringIsBounded(t *testing.T) {
	t.Parallel()
	for syncTime, want := range map[time.Duration]time.Duration{
		400 * time.Microsecond: 400*time.Microsecond + time.Millisecond,
		100 * time.Microsecond: 5 * 100 * time.Microsecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			trail := slowSyncs(t, syncTime)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() { mustAppend(t, trail, fmt.Sprintf(`{"n":%d}`, i)) })
			}
			all.Wait()
			start := time.Now()
			mustAppend(t, trail, `{"alone":1}`)
			if took := time.Since(start); took > want {
				t.Errorf("syncs of %v: an append took %v, want at most %v", syncTime, took, want)
			}
			mustClose(t, trail)
		})
	}
}
