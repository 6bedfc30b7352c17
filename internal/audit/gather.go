package audit

import (
	"runtime"
	"time"
)

// maxGather is the longest that the writer waits for a batch to fill.
const maxGather = time.Millisecond

// gathering is how the writer, with Strict, makes one sync serve all that are
// active. Without it two convoys alternate: while one is synced the other
// gathers. A sync costs more than a little patience: the writer waits until as
// many callers have come as were in the last batch and behind it when it
// ended, for at most four times as long as its sync took. (Half of it gave 7
// records a sync to 16 clients, this 12, with less CPU and less latency: a
// client's next call takes longer than a fast disk's sync.) A lone caller is
// nobody to wait for.
type gathering struct {
	expected int           // callers that the pending batch should have; 0 if the writer does not wait
	limit    time.Duration // the writer's
	complete chan struct{} // capacity 1: they have come
	timer    *time.Timer   // the writer's
}

func newGathering() gathering {
	g := gathering{complete: make(chan struct{}, 1), timer: time.NewTimer(maxGather)}
	g.timer.Stop()
	return g
}

// expect notes how many callers may come back after the batch, whose write and
// sync took that long. The mutex is held.
func (t *Trail) expect(b *batch, took time.Duration) {
	n, waiting := b.callers, 0
	if t.pending != nil {
		waiting = t.pending.callers
	}
	if t.opts.Mode == Strict && n > 0 && n+waiting > 1 {
		t.gathering.expected = n + waiting
		t.gathering.limit = min(4*took, maxGather)
	}
}

// arrive counts a caller. The mutex is held.
func (t *Trail) arrive(b *batch) {
	b.callers++
	g := &t.gathering
	if g.expected > 0 && (b.callers >= g.expected || len(b.buf) >= t.opts.QueueBytes) {
		g.expected = 0
		g.complete <- struct{}{} // has room: the writer empties it before it expects anybody
	}
}

// gather waits for the callers that are expected, and yields once.
func (t *Trail) gather() {
	g := &t.gathering
	t.mu.Lock()
	waiting := g.expected > 0
	t.mu.Unlock()
	if waiting {
		g.timer.Reset(g.limit)
		select {
		case <-g.complete:
		case <-g.timer.C:
		case <-t.closing:
		}
		g.timer.Stop()
		t.mu.Lock()
		g.expected = 0
		t.mu.Unlock()
	}
	select {
	case <-g.complete:
	default:
	}
	runtime.Gosched()
}
