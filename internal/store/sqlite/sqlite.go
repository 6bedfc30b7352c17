// Package sqlite owns the default engine of the store contract: one SQLite
// database (modernc.org/sqlite, pure Go) in a folder that only this process
// may have open.
//
// Transactions of all callers go through one writer goroutine, which puts
// those that wait into one SQLite transaction and answers them after its one
// fsync (group commit); each keeps its own conditions, its own revision and
// its own all-or-nothing. Reads have connections of their own and never wait
// for the writer. The database runs in WAL mode with synchronous=FULL, so an
// acknowledged transaction survives power loss, and with secure_delete=ON; Erase
// takes what that leaves, so that no deleted byte is in any file.
//
// It must never interpret what it stores. A disk that is full, fails or stalls it
// outlasts: until it is well again every Txn is refused at once, or within
// StallTimeout. Only cmd/trent and tests import it; everyone else knows store.Store.
//
// A commit that fails is told to nobody and seen by no reader, and its outcome is
// unknown: if the process ends before another one succeeds, recovery may find it. The
// next commit, which the engine tries once a second, is written over it. That is safe
// after a failed sync too, of which the kernel may have dropped the pages: a commit
// syncs what it has written itself, every commit before it was synced before it was
// acknowledged, and nothing is counted on that is not written anew. The connections
// stay open, so that each is still told of what the kernel could not write. A
// checkpoint that fails begins anew too. Only where the sync of the database fails
// after a part of the log was moved, SQLite would take the lost part for moved: there
// the engine refuses writes until the process is started again, and leaves the log
// to recovery.
//
// Files in the folder: trent.db, trent.db-wal and trent.db-shm, mode 0600 in a
// folder of mode 0700. Table kv(k, v, cre, mod) holds the keys, meta(rev) the
// revision of the last transaction.
package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/store"
)

// maxReaders is the number of connections that read at the same time.
const maxReaders = 4

// defaultStallTimeout is Options.StallTimeout's default.
const defaultStallTimeout = 10 * time.Second

// fileName is the database's name in its folder.
const fileName = "trent.db"

// Options are an engine's options; the zero value is usable.
type Options struct {
	// Logger receives failures of the disk; nil discards them.
	Logger *slog.Logger
	// Hooks are told what the engine does.
	Hooks Hooks
	// StallTimeout is how long a Txn may wait for the disk; 0 means ten seconds.
	StallTimeout time.Duration

	// For this package's tests only: the SQLite VFS, a weaker setting of
	// synchronous, with which the power loss test must fail, and the number of
	// changed keys between two checkpoints.
	vfs             string
	synchronous     string
	checkpointEvery int
}

// Hooks are called by the engine's goroutines and must be quick. Any may be nil.
type Hooks struct {
	// Txn is told how long a transaction took, from its call to its outcome.
	Txn func(took time.Duration)
	// Group is told how many transactions a group commit held.
	Group func(txns int)
}

// Store is an open engine. It implements store.Store and store.Eraser.
type Store struct {
	dir    string
	opt    Options
	log    *slog.Logger
	lock   *os.File // the folder, locked
	file   *os.File // the database, for Erase
	id     string   // session id
	feed   feed
	writer *writer

	readers chan *reader // maxReaders slots; nil is one not opened yet

	mu      sync.RWMutex // guards closed, and running's start
	closed  bool
	running sync.WaitGroup // calls in progress
	closing chan struct{}  // closed with closed

	failed  atomic.Pointer[error] // why the engine refuses writes for good
	part    atomic.Bool           // a part of the log was moved, and the database not synced since
	trouble trouble               // why it does so for now
	counts  counts
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Eraser = (*Store)(nil)
)

// Open opens the store in folder dir, which it makes, with mode 0700, if it is
// absent. A folder that another process has open is store.ErrLocked.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.synchronous == "" {
		opt.synchronous = "FULL"
	}
	if opt.StallTimeout == 0 {
		opt.StallTimeout = defaultStallTimeout
	}
	if opt.checkpointEvery == 0 {
		opt.checkpointEvery = checkpointEvery
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, opt: opt, log: opt.Logger, lock: lock, id: rand.Text(),
		readers: make(chan *reader, maxReaders),
		closing: make(chan struct{}),
	}
	for range maxReaders {
		s.readers <- nil
	}
	if s.writer, err = openWriter(s); err != nil {
		if s.file != nil {
			s.file.Close()
		}
		lock.Close()
		return nil, fmt.Errorf("store: open %s: %w", s.path(), err)
	}
	s.feed.reset(s.writer.rev)
	go s.writer.run()
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, fileName) }

// unlockDir gives the lock back explicitly: a process that is being started at
// this moment still shares the descriptor, and closing ours would not.
func unlockDir(lock *os.File) error {
	return errors.Join(unix.Flock(int(lock.Fd()), unix.LOCK_UN), lock.Close())
}

// lockDir makes the folder if need be, keeps others out of it, and locks it.
// The lock is the kernel's, on the folder itself: it leaves no file behind and
// ends with the process, however that ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", store.ErrLocked, dir)
		}
		return nil, fmt.Errorf("store: lock %s: %w", dir, err)
	}
	if err := f.Chmod(0o700); err != nil {
		f.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return f, nil
}

// enter begins a call; each that succeeds is followed by s.running.Done.
func (s *Store) enter() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	s.running.Add(1)
	return nil
}

// fail makes the engine refuse writes from now on, for good.
func (s *Store) fail(err error) {
	if s.failed.CompareAndSwap(nil, &err) {
		s.log.Error("store failed; writes are refused until it is opened anew", "dir", s.dir, "error", err)
	}
}

// Session implements store.Store: a store of one process is alive as long as
// it is open.
func (s *Store) Session(ctx context.Context) (store.Session, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.running.Done()
	return session{s}, ctx.Err()
}

type session struct{ s *Store }

func (x session) ID() string            { return x.s.id }
func (x session) Lost() <-chan struct{} { return x.s.closing }
func (x session) Close() error          { return nil }

// Close waits for the calls in progress, empties the write-ahead log into the
// database and releases the folder. Calls that come later, and watches, get
// store.ErrClosed. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.running.Wait()

	var errs []error
	for range maxReaders {
		if r := <-s.readers; r != nil {
			errs = append(errs, r.close())
		}
	}
	errs = append(errs, s.writer.close(), s.file.Close(), unlockDir(s.lock))
	return errors.Join(errs...)
}
