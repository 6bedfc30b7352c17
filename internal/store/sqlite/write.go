package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"trent/internal/store"
)

// A group ends at this many transactions or bytes, so that the first of them
// does not wait long for the last.
const (
	maxGroupTxns  = 256
	maxGroupBytes = 4 << 20
)

// request is a transaction, or a job that needs the writer's connection, on
// its way to the writer.
type request struct {
	cmps []store.Cmp
	ops  []store.Op
	size int
	job  func(*writer) error // instead of cmps and ops

	state  atomic.Int32 // queued, then taken or withdrawn
	done   chan struct{}
	ok     bool
	rev    store.Rev
	err    error
	events []store.Event // what it changed
}

const (
	queued int32 = iota
	taken
	withdrawn
)

// writer owns the connection that writes. One goroutine runs it.
type writer struct {
	s     *Store
	c     conn
	queue chan *request
	ended chan struct{}
	ckpt  *checkpointer

	begin, commit, rollback, lookup, insert, update, remove, setRev *stmt

	rev store.Rev // of the last transaction
}

func openWriter(s *Store) (*writer, error) {
	c, err := s.openDatabase()
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, c: c, queue: make(chan *request, maxGroupTxns), ended: make(chan struct{})}
	err = c.prepareAll(map[**stmt]string{
		&w.begin:    "BEGIN IMMEDIATE",
		&w.commit:   "COMMIT",
		&w.rollback: "ROLLBACK",
		&w.lookup:   "SELECT cre, mod FROM kv WHERE k = ?1",
		&w.insert:   "INSERT INTO kv(k, v, cre, mod) VALUES(?1, ?2, ?3, ?3) ON CONFLICT(k) DO NOTHING",
		&w.update:   "UPDATE kv SET v = ?2, mod = ?3 WHERE k = ?1",
		&w.remove:   "DELETE FROM kv WHERE k = ?1",
		&w.setRev:   "UPDATE meta SET rev = ?1 WHERE id = 1",
	})
	if err == nil {
		var rev driver.Value
		rev, err = c.value("SELECT rev FROM meta WHERE id = 1")
		w.rev = store.Rev(integer(rev))
	}
	if err == nil {
		w.ckpt, err = openCheckpointer(s)
	}
	if err != nil {
		return nil, errors.Join(err, w.closeConn())
	}
	return w, nil
}

// close ends the writer; no request may come any more.
func (w *writer) close() error {
	ckpt := w.ckpt.close()
	close(w.queue)
	<-w.ended
	return errors.Join(ckpt, w.closeConn())
}

// closeConn closes the connection. It is the last one, so that SQLite then
// moves the log into the database and removes it. After a failure for good it must
// not: the log may be all that has what was acknowledged. The process's end, which is
// near, leaves it to recovery.
func (w *writer) closeConn() error {
	if w.s.failed.Load() != nil {
		return nil
	}
	var errs []error
	for _, st := range []*stmt{w.begin, w.commit, w.rollback, w.lookup, w.insert, w.update, w.remove, w.setRev} {
		if st != nil {
			errs = append(errs, st.close())
		}
	}
	return errors.Join(append(errs, w.c.close())...)
}

// Txn implements store.Store. A context that ends while the transaction waits
// for the writer withdraws it: it is not applied. Once the writer has it, Txn
// waits for its outcome, whatever becomes of the context, but not beyond
// StallTimeout: observers are told of it then, if it is applied.
func (s *Store) Txn(ctx context.Context, cmps []store.Cmp, ops []store.Op) (ok bool, rev store.Rev, err error) {
	size, err := store.CheckTxn(cmps, ops)
	if err != nil {
		return false, 0, err
	}
	began := time.Now()
	r := &request{cmps: cmps, ops: cloneOps(ops, size), size: size}
	if err := s.submit(ctx, r); err != nil {
		return false, 0, err
	}
	s.count(r, time.Since(began))
	return r.ok, r.rev, r.err
}

// cloneOps copies ops, whose keys and values have size bytes at most: the
// events that are made of them outlive the call. No value of the copy is nil.
func cloneOps(ops []store.Op, size int) []store.Op {
	buf := make([]byte, 0, size)
	part := func(b []byte) []byte {
		n := len(buf)
		buf = append(buf, b...)
		return buf[n:len(buf):len(buf)]
	}
	out := make([]store.Op, len(ops))
	for i, op := range ops {
		out[i] = store.Op{Key: part(op.Key), Value: part(op.Value), Delete: op.Delete}
	}
	return out
}

// submit hands a request to the writer and waits for its outcome. An error
// means that the writer never saw it.
func (s *Store) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.running.Done()
	r.done = make(chan struct{})
	var stall <-chan time.Time
	if r.job == nil { // a job is waited for as its context says
		if err := s.refusal(); err != nil {
			return err
		}
		timer := time.NewTimer(s.opt.StallTimeout)
		defer timer.Stop()
		stall = timer.C
	}
	select {
	case s.writer.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-stall:
		s.waited()
		return store.ErrStalled
	}
	for {
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			if r.state.CompareAndSwap(queued, withdrawn) {
				return ctx.Err()
			}
			ctx = background // its outcome is waited for, as long as the disk does not stall
		case <-stall:
			s.waited()
			if r.state.CompareAndSwap(queued, withdrawn) {
				return store.ErrStalled
			}
			return fmt.Errorf("%w: %w", store.ErrUnknown, store.ErrStalled)
		}
	}
}

// run is the writer's goroutine.
func (w *writer) run() {
	defer close(w.ended)
	group := make([]*request, 0, maxGroupTxns)
	for first := range w.queue {
		var next *request
		group, next = w.gather(group[:0], first)
		w.s.busy(true)
		w.commitGroup(group)
		clear(group)
		if next != nil && next.state.CompareAndSwap(queued, taken) {
			w.s.busy(true)
			next.finish(next.job(w))
		}
		w.s.busy(false)
	}
}

// gather takes what waits in the queue, first before it, until a group is
// full or a job comes up, which it returns.
func (w *writer) gather(group []*request, first *request) (_ []*request, job *request) {
	size := 0
	for r := first; r != nil; {
		if r.job != nil {
			return group, r
		}
		if r.state.CompareAndSwap(queued, taken) {
			group = append(group, r)
			size += r.size
		}
		if len(group) >= maxGroupTxns || size >= maxGroupBytes {
			break
		}
		select {
		case r = <-w.queue: // nil once the queue is closed and empty
		default:
			r = nil
		}
	}
	return group, nil
}

// finish answers a request.
func (r *request) finish(err error) {
	if err != nil {
		r.ok, r.rev, r.err = false, 0, err
	}
	close(r.done)
}

// commitGroup applies a group in one SQLite transaction, tells observers, and
// answers. Also a failed condition is answered only after the commit: it may
// have failed because of an earlier transaction of the group.
func (w *writer) commitGroup(group []*request) {
	if len(group) == 0 {
		return
	}
	err := w.applyGroup(group)
	if err == nil {
		if hook := w.s.opt.Hooks.Group; hook != nil {
			hook(len(group))
		}
		changed := 0
		for _, r := range group {
			if len(r.events) > 0 {
				w.s.feed.publish(r.rev, r.events)
				changed += len(r.events)
			}
		}
		w.ckpt.wrote(changed)
	}
	for _, r := range group {
		r.finish(err)
	}
}

// applyGroup returns nil once the group is durable. Any other error than
// store.ErrUnknown means that nothing of the group was applied.
func (w *writer) applyGroup(group []*request) error {
	if err := w.s.refusal(); err != nil {
		return err
	}
	if _, err := w.begin.exec(); err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	before := w.rev
	var err error
	for _, r := range group {
		if err = w.apply(r); err != nil {
			break
		}
	}
	if err == nil && w.rev != before {
		_, err = w.setRev.exec(int64(w.rev))
	}
	if err != nil {
		w.rev = before
		err = fmt.Errorf("store: write: %w", err)
		if undo := w.undo(); undo != nil {
			w.s.fail(errors.Join(err, undo))
		}
		return err
	}
	return w.commitOpen(before)
}

// undo rolls the open SQLite transaction back. SQLite does so by itself after
// some errors (a full disk): then there is nothing left to roll back, and that
// a transaction can be opened and closed again shows that all is well.
func (w *writer) undo() error {
	_, err := w.rollback.exec()
	if err == nil {
		return nil
	}
	if _, again := w.begin.exec(); again != nil {
		return errors.Join(err, again)
	}
	_, err = w.rollback.exec()
	return err
}

// commitOpen commits the open SQLite transaction; the revision was before.
func (w *writer) commitOpen(before store.Rev) error {
	_, err := w.commit.exec()
	if err == nil {
		return nil
	}
	if passes(err) && w.undo() == nil {
		w.rev = before
		w.s.runOut(err)
		if err = fmt.Errorf("store: commit: %w", err); !isFull(err) {
			err = fmt.Errorf("%w: %w", store.ErrUnknown, err)
		}
		return err
	}
	// The log may or may not hold the transaction: only recovery at the next start
	// can tell.
	err = fmt.Errorf("commit: %w", err)
	w.s.fail(err)
	return fmt.Errorf("%w: %w", store.ErrUnknown, err)
}

// apply checks a transaction's conditions against the state that the group
// has reached, and applies it if they hold. All conditions come before the
// first op, so nothing of a refused transaction has to be undone.
func (w *writer) apply(r *request) error {
	r.rev = w.rev
	for _, c := range r.cmps {
		_, mod, err := w.find(c.Key)
		if err != nil {
			return err
		}
		if mod != c.Mod {
			return nil
		}
	}
	r.ok = true
	rev := w.rev + 1
	r.events = make([]store.Event, 0, len(r.ops))
	for _, op := range r.ops {
		e, changed, err := w.write(op, rev)
		if err != nil {
			return err
		}
		if changed {
			r.events = append(r.events, e)
		}
	}
	if len(r.events) > 0 {
		w.rev, r.rev = rev, rev
	}
	return nil
}

// find returns the revisions of a key, zeros if it is absent.
func (w *writer) find(key []byte) (create, mod store.Rev, err error) {
	var row [2]driver.Value
	found, err := w.lookup.row(row[:], key)
	if err != nil || !found {
		return 0, 0, err
	}
	return store.Rev(integer(row[0])), store.Rev(integer(row[1])), nil
}

// write applies one op at revision rev.
func (w *writer) write(op store.Op, rev store.Rev) (e store.Event, changed bool, err error) {
	e = store.Event{KV: store.KV{Key: op.Key, Mod: rev}, Deleted: op.Delete}
	if op.Delete {
		n, err := w.remove.exec(op.Key)
		return e, n > 0, err
	}
	e.Value, e.Create = op.Value, rev
	n, err := w.insert.exec(op.Key, op.Value, int64(rev))
	if err != nil || n > 0 {
		return e, true, err
	}
	if e.Create, _, err = w.find(op.Key); err != nil {
		return e, false, err
	}
	_, err = w.update.exec(op.Key, op.Value, int64(rev))
	return e, true, err
}
