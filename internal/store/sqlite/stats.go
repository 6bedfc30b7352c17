package sqlite

import (
	"os"
	"sync/atomic"
	"time"

	"trent/internal/store"
)

// counts are what Stats counts.
type counts struct {
	committed, conflicts, failures, reads atomic.Uint64
}

// Stats is what the engine has done since Open, and what it holds.
type Stats struct {
	Committed uint64    // transactions whose conditions held
	Conflicts uint64    // transactions with a condition that did not
	Failures  uint64    // transactions that ended in an error
	Reads     uint64    // Get and Range
	Revision  store.Rev // of the last committed transaction
	FileBytes int64     // the database
	LogBytes  int64     // its write-ahead log
}

// count counts a transaction that the writer has answered.
func (s *Store) count(r *request, took time.Duration) {
	switch {
	case r.err != nil:
		s.counts.failures.Add(1)
	case r.ok:
		s.counts.committed.Add(1)
	default:
		s.counts.conflicts.Add(1)
	}
	if hook := s.opt.Hooks.Txn; hook != nil {
		hook(took)
	}
}

// Stats returns the counts so far. It asks the file system for the sizes.
func (s *Store) Stats() Stats {
	return Stats{
		Committed: s.counts.committed.Load(), Conflicts: s.counts.conflicts.Load(), Failures: s.counts.failures.Load(),
		Reads: s.counts.reads.Load(), Revision: s.feed.revision(),
		FileBytes: fileBytes(s.path()), LogBytes: fileBytes(s.path() + "-wal"),
	}
}

// fileBytes is a file's length, 0 if there is none.
func fileBytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Err returns why writes are refused, or nil.
func (s *Store) Err() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.running.Done()
	return s.refusal()
}
