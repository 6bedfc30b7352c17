package audit

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestHooks: each record is told once, with the write that it was in, and each
// sync; nothing is queued once it is written.
func TestHooks(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			var records, writes, syncs atomic.Int64
			trail := openMem(t, newMemFS(), mode, func(o *Options) {
				o.Hooks = Hooks{Wrote: func(n int) { records.Add(int64(n)); writes.Add(1) }, Synced: func(time.Duration) { syncs.Add(1) }}
			})
			mustAppend(t, trail, numbered("n", 7)...)
			mustClose(t, trail)
			s := trail.Stats()
			if records.Load() != 7 || uint64(writes.Load()) != s.Writes || s.Queued != 0 {
				t.Errorf("%d records in %d writes are told, %+v", records.Load(), writes.Load(), s)
			}
			if syncs.Load() == 0 || mode == Strict && syncs.Load() < writes.Load() {
				t.Errorf("%d syncs of %d writes are told", syncs.Load(), writes.Load())
			}
		})
	}
}

// TestQueued: what waits behind a write that hangs is counted.
func TestQueued(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	trail := openMem(t, m, NoWait)
	inWrite, goOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	m.hook(func() {
		m.onWrite = func(_ string, b []byte) (int, error) {
			if once.CompareAndSwap(false, true) {
				close(inWrite)
				<-goOn
			}
			return len(b), nil
		}
	})
	mustAppend(t, trail, `{"n":0}`)
	<-inWrite
	mustAppend(t, trail, `{"n":1}`, `{"n":2}`)
	if got := trail.Stats().Queued; got != 3 {
		t.Errorf("%d are queued, want one that is written and two that wait", got)
	}
	close(goOn)
	mustClose(t, trail)
	if s := trail.Stats(); s.Queued != 0 || s.Records != 3 {
		t.Errorf("%+v", s)
	}
}

// TestOutboxDepth counts the rows that an earlier run left, and new ones, until
// they are in the trail.
func TestOutboxDepth(t *testing.T) {
	t.Parallel()
	m, s, ids := newMemFS(), openStore(t), &IDs{}
	mutate(t, s, region, ids, 5) // left by an earlier run
	trail := openMem(t, m, Relaxed)
	b := newTestOutbox(t, s, trail)
	if err := b.Drain(t.Context(), testRegions); err != nil {
		t.Fatal(err)
	}
	if got := b.Depth(); got != 0 {
		t.Errorf("%d rows after the drain", got)
	}
	mutate(t, s, region, ids, 7)
	if got := b.Depth(); got != 7 {
		t.Errorf("%d rows, want 7", got)
	}
	if err := b.flushDirty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Depth(); got != 0 {
		t.Errorf("%d rows after they were moved", got)
	}
	mustClose(t, trail)
}
