package audit

import (
	"errors"
	"fmt"
	"time"
)

// fail takes the current batch's failure: every append is refused from now
// on, until retryInterval has passed (a write that failed and left nothing)
// or for good (a sync that failed: what the kernel has dropped nobody knows,
// so only opening the trail anew helps). It reports whether the batch is to be
// tried again: with NoWait its records were accepted already. The mutex is
// held.
func (t *Trail) fail(b *batch, err error) (again bool) {
	t.refuse(err)
	if t.opts.Mode == NoWait && !t.closed {
		b.finish(t.failure)
		return true
	}
	if t.opts.Mode == NoWait {
		t.stats.Lost += b.records
	}
	t.retire(b, t.failure)
	return false
}

// refuse makes appends fail with err. The mutex is held.
func (t *Trail) refuse(err error) {
	if t.failure == nil || errors.Is(t.failure, ErrStalled) {
		t.opts.Logger.Error("audit: the trail cannot be written, calls fail", "error", err)
	}
	t.failure = fmt.Errorf("%w: %w", ErrFailed, err)
	t.retryAt = t.opts.Now().Add(retryInterval)
	if errors.Is(err, errSync) {
		t.retryAt = time.Time{}
	}
}

// resume takes appends again after a success. The mutex is held.
func (t *Trail) resume() {
	if t.failure == nil || errors.Is(t.failure, errSync) {
		return
	}
	t.opts.Logger.Info("audit: the trail is written again")
	t.failure, t.retryAt = nil, time.Time{}
}

// stall is called when the writer has been in one write or sync for
// StallTimeout. Everybody who waits gets ErrStalled, and so does every append
// until the disk answers. What is pending is dropped, since its appenders are
// told that it failed; with NoWait they were told the contrary, and it stays.
func (t *Trail) stall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil || time.Since(t.busySince) < t.opts.StallTimeout {
		return // the writer was done just now
	}
	if t.failure == nil {
		t.opts.Logger.Error("audit: the disk has stalled, calls fail", "seconds", t.opts.StallTimeout.Seconds())
		t.failure, t.retryAt = ErrStalled, time.Time{}
	}
	t.current.finish(ErrStalled)
	switch {
	case t.pending == nil:
	case t.opts.Mode == NoWait:
		t.pending.finish(ErrStalled)
	default:
		t.pending.settle(ErrStalled)
		t.pending = nil
	}
}
