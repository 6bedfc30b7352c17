package export

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Bounds of the waits between tries, and of one request, file or batch of messages.
const (
	firstRetry   = time.Second
	longestRetry = 5 * time.Minute
	tryTimeout   = time.Minute
)

// refusal is a destination's no, which says how to go on.
type refusal struct {
	text     string
	after    time.Duration // it asked to be left alone so long; 0: it did not
	tooLarge bool          // a smaller batch might do
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

// Run delivers until the context ends.
func (x *Exporter) Run(ctx context.Context) {
	defer x.to.close()
	failures := 0 // in a row
	for ctx.Err() == nil {
		wait, delivered := x.Every, x.Status().Batches
		err := x.round(ctx)
		if failures > 0 && (err == nil || x.Status().Batches > delivered) {
			failures = 0
			x.status.recover()
			x.log.Info("the export goes on")
		}
		if err != nil && ctx.Err() == nil {
			wait = x.failed(err, failures)
			failures++
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// failed takes note of a failure and returns how long to wait: longer with each,
// and by chance, so that services do not come all at once.
func (x *Exporter) failed(err error, failures int) time.Duration {
	x.status.fail(err)
	if failures == 0 {
		x.log.Warn("an export of the audit trail fails, and is tried again; records wait in the trail", "error", err)
	}
	wait := longestRetry
	if failures < 16 {
		wait = min(firstRetry<<failures, longestRetry)
	}
	var chance [4]byte
	_, _ = rand.Read(chance[:]) // documented never to fail
	wait = wait/2 + time.Duration(binary.BigEndian.Uint32(chance[:]))%(wait/2)
	if r, ok := errors.AsType[*refusal](err); ok {
		wait = max(wait, min(r.after, longestRetry))
	}
	return wait
}

// round delivers what there is.
func (x *Exporter) round(ctx context.Context) error {
	if !x.begun {
		if err := x.begin(ctx); err != nil {
			return err
		}
		x.begun = true
	}
	for ctx.Err() == nil {
		if x.files != nil && x.files.due() {
			if err := x.writeDigests(ctx); err != nil {
				return err
			}
		}
		more, err := x.deliver(ctx)
		x.measure(err == nil && !more)
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// begin reads the cursor, or makes a new export's.
func (x *Exporter) begin(ctx context.Context) error {
	if err := makeFolders(x.config.State, 0o700); err != nil {
		return err
	}
	c, err := readCursor(x.cursorPath())
	n := Notice{Event: Started}
	switch {
	case err == nil:
		x.c = *c
		x.measure(false)
		return nil
	case errors.Is(err, errCursor):
		n.Why = "its cursor was damaged: the trail is exported again from its beginning"
		x.log.Error("an export's cursor is damaged; the trail is exported again from its beginning", "cursor", x.cursorPath())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if !x.started {
		x.c = cursor{at: position{node: x.config.Node}}
		if head := x.config.Head(); x.FromNow && n.Why == "" {
			x.c.at.epoch, x.c.at.sequence, x.c.at.hash = head.Epoch, head.Sequence, head.Hash
			n.After = head.Sequence
		}
		if err := x.record(ctx, n); err != nil {
			return err
		}
		x.started = true // also if the cursor cannot be written
	}
	return x.writeCursor()
}

// writeCursor makes the cursor durable, and with it what was said of gaps before it.
func (x *Exporter) writeCursor() error {
	err := x.c.write(x.cursorPath())
	if err == nil {
		x.said = nil
	}
	return err
}

// record puts into the trail what happened to the export.
func (x *Exporter) record(ctx context.Context, n Notice) error {
	n.Export, n.Kind, n.Destination = x.Name, x.kind, x.where
	if err := x.config.Record(ctx, n); err != nil {
		return fmt.Errorf("record %s: %w", n.Event, err)
	}
	return nil
}

func (x *Exporter) writeDigests(ctx context.Context) error {
	if err := x.files.digests(ctx); err != nil {
		return err
	}
	return x.writeCursor()
}

// deliver delivers the next batch and reports whether there may be more.
func (x *Exporter) deliver(ctx context.Context) (more bool, err error) {
	if x.batch == nil {
		if more, err := x.plan(ctx); err != nil || x.batch == nil {
			return more, err
		}
	}
	b := x.batch
	if err := x.to.deliver(ctx, b); err != nil {
		if r, ok := errors.AsType[*refusal](err); ok && r.tooLarge && len(b.records) > 1 {
			x.limit, x.batch = max(b.bytes/2, 1), nil
			if r.after == 0 {
				return true, nil // at once: half of it, down to one record
			}
		}
		return false, err
	}
	x.c.at, x.c.until = b.to, 0
	if err := x.writeCursor(); err != nil {
		return false, err
	}
	x.batch, x.limit = nil, min(2*x.limit, x.MaxBytes) // what was too large may be taken by now
	x.reached = b.records[len(b.records)-1].time
	x.status.delivered(b, x.config.Now())
	return true, nil
}

// plan makes the next batch, and the intention to deliver it durable: after a
// crash the same is delivered again. Without new records there is none; more says
// that there may be one behind those that it has passed.
func (x *Exporter) plan(ctx context.Context) (more bool, err error) {
	bound := x.bound()
	if at := x.c.at; at.node == x.config.Node && (at.sequence == bound.Sequence || at.sequence > bound.Sequence && at.epoch == bound.Epoch) {
		return false, nil
	}
	b, err := x.r.next(x.c.at, wanted{bound: bound.Sequence, until: x.c.until, bytes: min(x.MaxBytes, x.limit), events: x.Events})
	if err != nil {
		return false, err
	}
	for _, g := range b.gaps {
		if err := x.skip(ctx, g); err != nil {
			return false, err
		}
	}
	if len(b.records) == 0 {
		return x.pass(b)
	}
	x.c.at, x.c.until = b.from, b.last
	if err := x.writeCursor(); err != nil {
		return false, err
	}
	x.batch = b
	return true, nil
}

// skip says for all to know what will not be delivered.
func (x *Exporter) skip(ctx context.Context, g gap) error {
	if slices.Contains(x.said, g) {
		return nil // only the cursor could not be written
	}
	x.log.Error("records of the audit trail cannot be exported", "reason", g.why, "after", g.after, "next", g.next)
	if err := x.record(ctx, Notice{Event: Skipped, Node: g.node, After: g.after, Next: g.next, Why: g.why}); err != nil {
		return err
	}
	x.status.skip(g)
	x.said = append(x.said, g)
	return nil
}
