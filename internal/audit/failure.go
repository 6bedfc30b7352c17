package audit

import (
	"errors"
	"fmt"
	"time"
)

// fail takes the current batch's failure: every append is refused from now
// on, until a probe succeeds (nothing of the write is left), or for good (errSync).
// It reports whether the batch is to be tried again: with NoWait its records
// were accepted already. The mutex is held.
func (t *Trail) fail(b *batch, err error) (again bool) {
	t.refuse(err)
	t.retry.Reset(retryInterval)
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
	t.setFailure(fmt.Errorf("%w: %w", ErrFailed, err))
}

// setFailure says why appends are refused; nil: they are not. The mutex is held.
func (t *Trail) setFailure(err error) {
	t.failure = err
	t.refusing.Store(err != nil || t.closed)
}

// probe looks, once in a retryInterval, whether a trail that cannot be written can
// be again: nobody's call has to fail for that, and none waits.
func (t *Trail) probe() {
	t.mu.Lock()
	failed := t.failure != nil && !errors.Is(t.failure, errSync) && !t.closed
	t.mu.Unlock()
	if !failed {
		return
	}
	syncs := t.w.syncs
	err := t.w.probe()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.file = t.w.f
	t.stats.Syncs += t.w.syncs - syncs
	if err != nil {
		t.refuse(err)
		t.retry.Reset(retryInterval)
		return
	}
	t.resume()
}

// resume takes appends again after a success. The mutex is held.
func (t *Trail) resume() {
	if t.failure == nil || errors.Is(t.failure, errSync) {
		return
	}
	t.opts.Logger.Info("audit: the trail is written again")
	t.setFailure(nil)
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
		t.setFailure(ErrStalled)
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
