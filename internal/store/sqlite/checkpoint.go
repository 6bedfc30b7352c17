package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// checkpointEvery is the number of changed keys after which the log is moved
// into the database. A changed key dirties about two pages of 4 KiB, so the
// log stays in the order of 16 MiB.
const checkpointEvery = 2000

// Erase waits so long between attempts while a reader holds the log, from the
// first to, doubling, the last: an attempt keeps the writer for up to its busy
// timeout of 50 ms, which must stay a small part of the time.
const (
	firstEraseRetry = 2 * time.Millisecond
	lastEraseRetry  = time.Second
)

// checkpointer moves the log into the database with a connection of its own,
// while the writer goes on. What came in meanwhile, which is little, the
// writer moves itself, so that it can start the log anew; else the log would
// grow as long as the writer never pauses.
type checkpointer struct {
	s       *Store
	c       conn
	pending int // changed keys since the last run; the writer's
	wake    chan struct{}
	ended   chan struct{}
}

func openCheckpointer(s *Store) (*checkpointer, error) {
	c, err := s.openConn("PRAGMA synchronous=" + s.opt.synchronous)
	if err != nil {
		return nil, err
	}
	k := &checkpointer{s: s, c: c, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go k.run()
	return k, nil
}

// wrote counts changed keys. The writer calls it.
func (k *checkpointer) wrote(keys int) {
	if k.pending += keys; k.pending < k.s.opt.checkpointEvery {
		return
	}
	k.pending = 0
	select {
	case k.wake <- struct{}{}:
	default: // one is due already
	}
}

func (k *checkpointer) run() {
	defer close(k.ended)
	for range k.wake {
		if k.s.refusal() != nil {
			continue
		}
		if _, err := k.s.checkpoint(k.c, "PASSIVE"); err != nil {
			continue
		}
		// An error is not lost: the writer has noted a failure, or the store is
		// closing, which empties the log anyway.
		_ = k.s.onWriter(background, func(w *writer) error {
			_, err := w.checkpoint("RESTART")
			return err
		})
	}
}

// checkpoint moves the log with the writer's connection.
func (w *writer) checkpoint(mode string) (complete bool, err error) {
	if err := w.s.refusal(); err != nil {
		return false, err
	}
	return w.s.checkpoint(w.c, mode)
}

// checkpoint moves the log with a connection, and takes the error. A checkpoint that
// could not write or sync leaves the log as it is, which still has everything, and the
// next moves the same again; when the log cannot grow either, writes are refused.
//
// But SQLite does not sync the database after moving a part of the log, and never
// moves that part again. If a later sync fails, it may be that part which is not on
// the disk, and the next sync would not say so: then the log must be kept for
// recovery, which moves all of it.
func (s *Store) checkpoint(c conn, mode string) (complete bool, err error) {
	complete, err = c.checkpoint(mode)
	switch {
	case err == nil: // with transactions that come in meanwhile, a passive one does not sync
		s.part.Store(mode == "PASSIVE" || !complete)
	case passes(err) && !(isSync(err) && s.part.Load()):
		s.log.Warn("the store's log could not be moved into the database", "dir", s.dir, "error", err)
	default:
		s.fail(err)
	}
	return complete, err
}

// close ends the checkpointer; the writer must be idle.
func (k *checkpointer) close() error {
	close(k.wake)
	<-k.ended
	return k.c.close()
}

// checkpoint moves the log into the database. complete is false if a reader
// of the log kept it from doing all that the mode asks.
func (c conn) checkpoint(mode string) (complete bool, err error) {
	st, err := c.prepare("PRAGMA wal_checkpoint(" + mode + ")")
	if err != nil {
		return false, fmt.Errorf("store: checkpoint: %w", err)
	}
	var row [3]driver.Value // busy, frames in the log, frames moved
	_, err = st.row(row[:])
	if err = errors.Join(err, st.close()); err != nil {
		return false, fmt.Errorf("store: checkpoint: %w", err)
	}
	return integer(row[0]) == 0, nil
}

// scrub zeroes what is left in the database of deleted values. The log is empty.
func (w *writer) scrub() error {
	// What the connection has in memory would be written again, copies and all.
	if err := w.c.run("PRAGMA shrink_memory"); err != nil {
		return err
	}
	return scrubFile(w.s.file)
}

// onWriter runs f on the writer's goroutine, between two groups.
func (s *Store) onWriter(ctx context.Context, f func(*writer) error) error {
	r := &request{job: f}
	if err := s.submit(ctx, r); err != nil {
		return err
	}
	return r.err
}

// Erase implements store.Eraser. It waits for readers of old revisions: a
// Snapshot that runs delays it. Erase moves the log into the database,
// truncates the log, and zeroes the copies that SQLite leaves; writes wait while
// it reads the database for them, about a quarter of a second for a gigabyte.
func (s *Store) Erase(ctx context.Context) error {
	for wait := firstEraseRetry; ; wait = min(2*wait, lastEraseRetry) {
		var complete bool
		err := s.onWriter(ctx, func(w *writer) (err error) {
			if complete, err = w.checkpoint("TRUNCATE"); err != nil || !complete {
				return err
			}
			return w.scrub()
		})
		if err != nil || complete {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
