package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// enqueuePinned puts records into the queue, all into one batch. From its write
// until unpin the trail begins no new segment. It does not wait for space: the outbox sends the rows of one
// transaction, and then waits for them. The batch's settled is closed when it
// is certain whether the records are written, however long the disk takes.
func (t *Trail) enqueuePinned(records [][]byte) (*batch, error) {
	for _, r := range records {
		if len(r) == 0 || len(r) > MaxRecordBytes {
			return nil, ErrRecordSize
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refusal(); err != nil {
		return nil, err
	}
	b := t.gatherInto()
	for _, r := range records {
		b = t.join(r) // the same one each time: the writer takes it under the mutex
	}
	if b.settled == nil {
		b.settled = make(chan struct{})
	}
	b.pins++
	return b, nil
}

// Durable waits until everything that was written before it survives a loss of
// power, whatever the mode, and returns the end of that: what a digest may cover.
func (t *Trail) Durable(ctx context.Context) (Head, error) {
	b, err := t.enqueuePinned(nil)
	if err != nil {
		return Head{}, err
	}
	select {
	case <-b.settled:
		defer t.unpin(b)
	case <-ctx.Done():
		go func() { <-b.settled; t.unpin(b) }()
		return Head{}, context.Cause(ctx)
	}
	if b.written != nil {
		return Head{}, b.written
	}
	head := t.Head()
	return head, t.syncPinned()
}

// unpin lets the trail begin segments again after a batch of enqueuePinned that
// is settled.
func (t *Trail) unpin(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.written == nil {
		t.pins--
	}
}

// syncPinned makes what the caller has had written in the pinned segment
// survive a loss of power; with Strict it does already. It syncs beside the
// writer, whose appenders do not wait for it. After a sync that failed it
// fails always: a second one would succeed, for the kernel forgets.
func (t *Trail) syncPinned() error {
	t.mu.Lock()
	f, failure := t.file, t.failure
	t.mu.Unlock()
	if errors.Is(failure, errSync) {
		return failure
	}
	if t.opts.Mode == Strict {
		return nil
	}
	began := time.Now()
	err := f.Sync()
	t.opts.Hooks.Synced(time.Since(began))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Syncs++
	if err != nil {
		t.refuse(fmt.Errorf("%w segment: %w", errSync, err))
		return t.failure
	}
	return nil
}
