package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// OutboxOp is the write by which a transaction commits its event together with
// what it changes: region is the Region of the mutation or "global", records
// that Region's sealer, json the whole event, eventID the id that stands in it.
func OutboxOp(records *record.Sealer, region, eventID string, json []byte) (store.Op, error) {
	key := record.OutboxPath(region, eventID)
	value, err := records.Seal(key, record.TypeOutbox, 1, &record.Outbox{Event: json})
	return store.Op{Key: key, Value: value}, err
}

// Sealers returns a Region's record sealer.
type Sealers func(ctx context.Context, region string) (*record.Sealer, error)

// OutboxOptions of an outbox; every member has a default.
type OutboxOptions struct {
	Linger       time.Duration // how long rows gather before they are moved together; default 20 ms
	RetryAfter   time.Duration // after a failure of the trail or the store; default 1 s
	CloseTimeout time.Duration // how long Run, when its context ends, tries to move what is left; default 10 s
	Logger       *slog.Logger  // default: none
	// First knows the event of domain global that must be the first of a new trail,
	// however many others wait; nil: there is none.
	First func(event []byte) bool
}

func (o *OutboxOptions) setDefaults() {
	if o.Linger == 0 {
		o.Linger = 20 * time.Millisecond
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Outbox moves the events of committed mutations from the store to the trail:
// a row is appended, synced whatever the trail's mode, and only then deleted.
//
// A crash between the append and the delete leaves a row whose record stands
// in the trail already. Drain finds those, and need read one segment for it,
// because their records are always in the newest segment that holds any:
// rows are moved one batch after the other, no new segment is begun between a
// batch's append and its delete, and in a new epoch nothing at all is appended
// before Drain has deleted the rows that the last one left behind.
//
// The store must have this process as its only one: two outboxes on one store
// would both append its rows.
type Outbox struct {
	store store.Store
	trail *Trail
	open  Sealers
	opts  OutboxOptions
	stop  func()        // ends the observation
	wake  chan struct{} // capacity 1: dirty is not empty

	rows atomic.Int64 // in the store

	mu    sync.Mutex
	dirty map[string]bool // Regions in which rows were committed

	moving  sync.Mutex      // held while rows are moved; guards what follows
	deduped bool            // Drain has looked for rows that stand in the trail
	batch   *batch          // appended, and its rows are not deleted; the trail is pinned for it
	keys    [][]byte        // its rows
	refused map[string]bool // rows that are not authentic, by key
}

// NewOutbox observes the store from now on. Before anything is appended to the
// trail the caller must Drain, and then Run, which ends the observation. A row
// that does not open under its Region's sealer was not written by this service:
// it never reaches the trail, stays where it is, and is logged once.
func NewOutbox(s store.Store, t *Trail, open Sealers, o OutboxOptions) *Outbox {
	o.setDefaults()
	b := &Outbox{store: s, trail: t, open: open, opts: o, wake: make(chan struct{}, 1), dirty: map[string]bool{}, refused: map[string]bool{}}
	b.stop = s.Observe(b.observe)
	return b
}

// observe notes the Regions of new rows; the rows are read from the store
// when they are moved, so that nothing here grows with them.
func (b *Outbox) observe(_ store.Rev, events []store.Event) {
	for i := range events {
		region, ok := outboxRegion(events[i].Key)
		switch {
		case !ok:
		case events[i].Deleted:
			b.rows.Add(-1)
		default:
			b.rows.Add(1)
			b.mark(region)
		}
	}
}

// outboxRegion returns the Region of a row's key.
func outboxRegion(key []byte) (region string, ok bool) {
	head, rest, _ := bytes.Cut(key, []byte("/"))
	kind, id, _ := bytes.Cut(rest, []byte("/"))
	return string(head), string(kind) == string(record.KindOutbox) && len(id) > 0
}

func (b *Outbox) mark(region string) {
	b.mu.Lock()
	b.dirty[region] = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Depth is how many rows are in the store, those that are not authentic
// included; it counts from Drain on.
func (b *Outbox) Depth() int { return int(max(b.rows.Load(), 0)) }

// Drain moves every row of the given Regions, which must be all that can have
// rows, "global" included. It is called once after NewOutbox and before
// anything is appended to the trail; what an earlier run had appended and not
// deleted it deletes without a second record. Later calls bring the trail to
// where the store is: what was committed before one stands in the trail after it.
func (b *Outbox) Drain(ctx context.Context, regions []string) error {
	b.moving.Lock()
	defer b.moving.Unlock()
	if !b.deduped {
		if b.trail.Stats().Records > 0 {
			return errors.New("audit: the outbox must be drained before the first append")
		}
		if err := b.dedupe(ctx, regions); err != nil {
			return fmt.Errorf("audit: drain outbox: %w", err)
		}
		b.deduped = true
	}
	if b.opts.First != nil && b.trail.Head().Sequence == 0 {
		if err := b.begin(ctx); err != nil {
			return fmt.Errorf("audit: drain outbox: %w", err)
		}
	}
	if _, err := b.flush(ctx, regions); err != nil {
		return fmt.Errorf("audit: drain outbox: %w", err)
	}
	return nil
}

// Run moves rows as they are committed, until the context ends; then it moves
// what is left, for at most CloseTimeout, and returns. After an error nothing
// is lost: the rows stay in the store for the next Drain.
func (b *Outbox) Run(ctx context.Context) error {
	defer b.stop()
	for waiting := false; ctx.Err() == nil; {
		select {
		case <-b.wake:
		case <-ctx.Done():
			continue
		}
		wait(ctx, b.opts.Linger)
		err := b.flushDirty(ctx)
		if err != nil && ctx.Err() == nil {
			if !waiting { // once, not each second
				b.opts.Logger.Error("audit: events wait in the outbox", "error", err)
			}
			wait(ctx, b.opts.RetryAfter)
		}
		waiting = err != nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.opts.CloseTimeout)
	defer cancel()
	return b.flushDirty(last)
}

// flushDirty moves the rows of the Regions that have any. Those that it could
// not finish stay dirty.
func (b *Outbox) flushDirty(ctx context.Context) error {
	b.moving.Lock()
	defer b.moving.Unlock()
	b.mu.Lock()
	regions := slices.Sorted(maps.Keys(b.dirty))
	clear(b.dirty)
	b.mu.Unlock()
	left, err := b.flush(ctx, regions)
	for _, region := range left {
		b.mark(region)
	}
	return err
}

// finishMove waits until the batch that was appended is synced, and deletes
// its rows. If its context ends, or the store fails, the batch stays: the next
// call goes on with it, so that no row is appended twice. Deleting a row twice
// does no harm, so an unknown outcome is tried again.
func (b *Outbox) finishMove(ctx context.Context) error {
	if b.batch == nil {
		return nil
	}
	select {
	case <-b.batch.settled:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := b.batch.written
	if err == nil {
		if err := b.trail.syncPinned(); err != nil {
			return err
		}
		if err := b.delete(ctx, b.keys); err != nil {
			return err
		}
	}
	// The rows are done with; or they are not in the trail, or it takes nothing
	// more before the next Open and Drain, and they stay in the store.
	b.trail.unpin(b.batch)
	b.batch, b.keys = nil, nil
	return err
}

func (b *Outbox) delete(ctx context.Context, keys [][]byte) error {
	for chunk := range slices.Chunk(keys, store.MaxOps) {
		ops := make([]store.Op, len(chunk))
		for i, key := range chunk {
			ops[i] = store.Op{Key: key, Delete: true}
		}
		if _, _, err := b.store.Txn(ctx, nil, ops); err != nil {
			return err
		}
	}
	return nil
}

// dedupe deletes the rows whose records stand in the trail already.
func (b *Outbox) dedupe(ctx context.Context, regions []string) error {
	rows, err := b.rowsByID(ctx, regions)
	for _, keys := range rows {
		b.rows.Add(int64(len(keys))) // nothing was committed since NewOutbox
	}
	if err != nil || len(rows) == 0 || b.trail.tail.number == 0 {
		return err
	}
	var done [][]byte
	t := b.trail
	_, err = scanSegment(t.opts.fs, t.w.dir, t.tail, nil, func(r Record) bool {
		if !mayBeOf(r.JSON, rows) {
			return ctx.Err() == nil
		}
		if id := eventID(r.JSON); rows[id] != nil {
			done = append(done, rows[id]...)
			delete(rows, id)
		}
		return ctx.Err() == nil
	})
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return err
	}
	return b.delete(ctx, done)
}

// rowsByID returns the keys of all rows by event id.
func (b *Outbox) rowsByID(ctx context.Context, regions []string) (map[string][][]byte, error) {
	rows := map[string][][]byte{}
	for _, region := range regions {
		prefix := record.OutboxPrefix(region)
		from, end := prefix, record.PrefixEnd(prefix)
		for more := true; more; {
			var kvs []store.KV
			var err error
			if kvs, more, _, err = b.store.Range(ctx, from, end, store.MaxOps); err != nil {
				return nil, err
			}
			for _, kv := range kvs {
				id := string(kv.Key[len(prefix):])
				rows[id] = append(rows[id], kv.Key)
				from = append(slices.Clip(kv.Key), 0)
			}
		}
	}
	return rows, nil
}

// mayBeOf reports whether a record has the event id of a row anywhere. It spares
// a start the decoding of a whole segment.
func mayBeOf(record []byte, rows map[string][][]byte) bool {
	name := []byte(`"eventID":"`)
	for {
		_, after, found := bytes.Cut(record, name)
		if !found {
			return false
		}
		if id, _, _ := bytes.Cut(after, []byte{'"'}); rows[string(id)] != nil {
			return true
		}
		record = after
	}
}

// eventID reads a record's own event id. What callers put into the record's
// parameters may have a member of that name too, and is not looked at.
func eventID(record []byte) string {
	var event struct {
		EventID string `json:"eventID"`
	}
	if json.Unmarshal(record, &event) != nil {
		return ""
	}
	return event.EventID
}

// wait waits for d or for the context.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
