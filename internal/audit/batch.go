package audit

import (
	"context"
	"runtime"
	"time"
)

// retryInterval is how long the trail waits after a failed write, a full disk
// mostly, before it looks whether the next one can succeed.
const retryInterval = time.Second

// batch is what one write of the writer takes. Its members are guarded by the
// trail's mutex, except that err is fixed once done is closed, and that buf is
// the writer's once the batch is taken.
type batch struct {
	buf     []byte // whole records, one after the other
	records uint64
	callers int           // of Append, that wait for it
	pins    int           // of enqueuePinned, that hold its segment once it is written
	done    chan struct{} // closed when the appenders' wait is over: written, failed or stalled
	err     error
	over    bool          // done is closed
	settled chan struct{} // if not nil, closed when it is certain whether it is written, after however long
	written error         // nil if it is; fixed once settled is closed
}

// wait waits for the batch, or for the context.
func (b *batch) wait(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish ends the wait of the batch's appenders. The trail's mutex is held.
func (b *batch) finish(err error) {
	if !b.over {
		b.over, b.err = true, err
		close(b.done)
	}
}

// settle says for certain whether the batch is written. The mutex is held.
func (b *batch) settle(err error) {
	b.finish(err)
	if b.settled != nil {
		b.written = err
		close(b.settled)
	}
}

// refusal says why an append must not be taken now. The mutex is held.
func (t *Trail) refusal() error {
	if t.closed {
		return ErrClosed
	}
	return t.failure
}

// enqueue puts a record into the pending batch.
func (t *Trail) enqueue(ctx context.Context, record []byte) (*batch, error) {
	if len(record) == 0 || len(record) > MaxRecordBytes {
		return nil, ErrRecordSize
	}
	for {
		t.mu.Lock()
		if err := t.refusal(); err != nil {
			t.mu.Unlock()
			return nil, err
		}
		b := t.pending
		if b == nil || len(b.buf) < t.opts.QueueBytes {
			b = t.join(record)
			t.arrive(b)
			t.mu.Unlock()
			return b, nil
		}
		t.mu.Unlock()
		// The queue is full. Wait until the writer is done with what is in it.
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// gatherInto returns the pending batch, and wakes the writer if that is new. The
// mutex is held, so Close does not close wake meanwhile.
func (t *Trail) gatherInto() *batch {
	if t.pending == nil {
		t.pending = &batch{buf: t.spare[:0], done: make(chan struct{})}
		t.spare = nil
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
	return t.pending
}

// join adds a record to the pending batch. The mutex is held.
func (t *Trail) join(record []byte) *batch {
	b := t.gatherInto()
	b.buf = appendFrame(b.buf, record)
	b.records++
	return b
}

// run is the writer goroutine.
func (t *Trail) run() {
	defer close(t.stopped)
	for {
		select {
		case _, open := <-t.wake:
			if !open {
				return
			}
		case <-t.retry.C:
			t.probe()
			continue
		}
		runtime.Gosched()
		for b := t.take(); b != nil; b = t.take() {
			for t.write(b) {
				t.pause()
			}
			t.gather()
		}
	}
}

// take makes the pending batch the current one.
func (t *Trail) take() *batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current, t.pending = t.pending, nil
	return t.current
}

// write commits the current batch and reports whether to try it again.
func (t *Trail) write(b *batch) (again bool) {
	t.mu.Lock()
	head, pinned := t.head, t.pins > 0
	t.busySince = time.Now()
	t.mu.Unlock()
	for place := 0; place < len(b.buf); {
		n := frameLen(b.buf[place:])
		head = seal(b.buf[place:place+n], &t.opts.Node, place, head)
		place += n
	}
	syncs := t.w.syncs
	t.watch.Reset(t.opts.StallTimeout)
	err := t.w.append(b.buf, t.opts.Mode == Strict, pinned)
	t.watch.Stop()
	took := time.Since(t.busySince)

	t.mu.Lock()
	defer t.mu.Unlock()
	t.file = t.w.f
	t.stats.Syncs += t.w.syncs - syncs
	if err != nil {
		return t.fail(b, err)
	}
	t.resume()
	t.head = head
	t.pins += b.pins
	t.stats.Writes++
	t.stats.Records += b.records
	t.stats.Bytes += uint64(len(b.buf))
	t.expect(b, took)
	t.opts.Hooks.Wrote(int(b.records))
	t.retire(b, nil)
	return false
}

// retire ends the current batch. The mutex is held.
func (t *Trail) retire(b *batch, err error) {
	t.current = nil
	if cap(b.buf) <= 2*t.opts.QueueBytes {
		t.spare = b.buf
	}
	b.buf = nil
	b.settle(err)
}

// pause waits between two tries of a batch that must not be lost.
func (t *Trail) pause() {
	timer := time.NewTimer(retryInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.closing:
	}
}
