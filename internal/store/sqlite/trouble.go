package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"trent/internal/store"
)

// retryInterval is how long the engine waits after a write that failed, on a full
// disk mostly, before it looks whether the next one can succeed.
const retryInterval = time.Second

// trouble is what the engine recovers from by itself: a disk that is full or fails,
// and one that stalls. Unlike Store.failed it ends.
type trouble struct {
	mu      sync.Mutex
	full    error     // why the log could not be written or synced; nil: it could
	since   time.Time // the writer has been with one group or job since then; zero: it waits for one
	stalled bool      // somebody has waited too long for that
}

// passes reports whether a commit or checkpoint failed by what may be over soon: a
// write, a sync, or the growth of the index of the log. See the package document
// for why the engine then goes on.
func passes(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() {
	case lib.SQLITE_IOERR_WRITE, lib.SQLITE_IOERR_FSYNC, lib.SQLITE_IOERR_SHMSIZE, lib.SQLITE_IOERR_SHMMAP:
		return true
	}
	return isFull(err)
}

// isSync reports whether a sync is what failed.
func isSync(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == lib.SQLITE_IOERR_FSYNC
}

// isFull reports whether the disk has said that it is full: then nothing of the
// write is there. After another error that cannot be said.
func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == lib.SQLITE_FULL
}

// runOut has writes refused until a probe succeeds.
func (s *Store) runOut(err error) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if s.trouble.full == nil {
		s.log.Error("the store cannot be written; writes are refused until it can", "dir", s.dir, "error", err)
		time.AfterFunc(retryInterval, s.probe)
	}
	s.trouble.full = err
}

// probe looks whether a write succeeds again. Nobody's call has to fail for that.
func (s *Store) probe() {
	var probed error
	err := s.onWriter(background, func(w *writer) error {
		probed = w.probe()
		return nil
	})
	switch {
	case err != nil || s.failed.Load() != nil: // closed, or failed for good
	case probed != nil:
		time.AfterFunc(retryInterval, s.probe)
	default:
		s.trouble.mu.Lock()
		defer s.trouble.mu.Unlock()
		s.trouble.full = nil
		s.log.Info("the store is written again", "dir", s.dir)
	}
}

// probe commits the revision as it is: changed and changed back, since SQLite does
// not write what is the same.
func (w *writer) probe() error {
	if _, err := w.begin.exec(); err != nil {
		return err
	}
	_, err := w.setRev.exec(int64(w.rev) + 1)
	if err == nil {
		_, err = w.setRev.exec(int64(w.rev))
	}
	if err != nil {
		if undo := w.undo(); undo != nil {
			w.s.fail(errors.Join(err, undo))
		}
		return err
	}
	return w.commitOpen(w.rev)
}

// refusal is what a writer is told while writes are refused; nothing was applied.
func (s *Store) refusal() error {
	if cause := s.failed.Load(); cause != nil {
		return fmt.Errorf("store: refuses writes since a failure: %w", *cause)
	}
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	switch {
	case s.trouble.full != nil:
		return fmt.Errorf("store: cannot be written: %w", s.trouble.full)
	case s.trouble.stalled:
		return store.ErrStalled
	}
	return nil
}

// busy notes that the writer begins, or has ended, a group or a job.
func (s *Store) busy(begins bool) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.since = time.Time{}
	if begins {
		s.trouble.since = time.Now()
	}
	if s.trouble.stalled {
		s.trouble.stalled = false
		s.log.Info("the store's disk answers again", "dir", s.dir)
	}
}

// waited is called by whoever has waited for the writer for StallTimeout. If that
// is with one thing for so long, writes are refused at once until it is done.
func (s *Store) waited() {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if since := s.trouble.since; !s.trouble.stalled && !since.IsZero() && time.Since(since) >= s.opt.StallTimeout {
		s.trouble.stalled = true
		s.log.Error("the store's disk has stalled; writes are refused until it answers", "dir", s.dir, "seconds", s.opt.StallTimeout.Seconds())
	}
}
