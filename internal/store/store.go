// Package store owns the storage contract: an ordered, revisioned key-value
// store with compare-and-swap transactions. Engines (internal/store/sqlite,
// later etcd) implement Store; internal/store/storetest is the one suite that
// each of them must pass. The keys and records themselves are internal/record's.
//
// It must never interpret what it stores, and never see a secret: values are
// records without key material and tokens that only the crypto module opens.
package store

import (
	"context"
	"errors"
	"io"
)

// Rev is a store revision. Every committed transaction that changes anything
// has a revision of its own, larger than all before; 0 is none.
type Rev int64

// KV is one key with its value. Create is the revision that made it, Mod the
// one that last wrote it. The slices belong to the caller.
type KV struct {
	Key, Value  []byte
	Create, Mod Rev
}

// Cmp is a condition of a transaction: the key's Mod equals Mod; Mod 0 means
// that the key is absent.
type Cmp struct {
	Key []byte
	Mod Rev
}

// Op is one write of a transaction: a put, or a delete if Delete is set.
// Deleting an absent key is no error.
type Op struct {
	Key, Value []byte
	Delete     bool
}

// Event is one change that a transaction made.
type Event struct {
	KV      // of a delete: Key and Mod only
	Deleted bool
}

// Limits of a transaction. An engine refuses more with ErrTooLarge.
const (
	MaxOps      = 100
	MaxTxnBytes = 4 << 20
)

// Errors. Every other error of Txn means that nothing was applied, except
// ErrUnknown.
var (
	// ErrUnknown: the transaction may or may not be applied (a time-out after
	// it was sent, a failing disk). Its conditions make a retry safe.
	ErrUnknown = errors.New("store: outcome unknown")
	// ErrCompacted: the watch cannot start at that revision any more, or fell
	// too far behind. The caller clears what it knows and starts afresh.
	ErrCompacted = errors.New("store: revision compacted")
	// ErrTooLarge: more than MaxOps or MaxTxnBytes.
	ErrTooLarge = errors.New("store: transaction too large")
	// ErrStalled: the disk did not get to the transaction in time, and it is not
	// applied. One that the disk has begun with is ErrUnknown.
	ErrStalled = errors.New("store: disk stalled")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store: in use by another process")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("store: closed")
	// ErrNotFound: Get found no such key.
	ErrNotFound = errors.New("store: not found")
)

// Store is what an engine offers. All methods may be called concurrently.
type Store interface {
	// Get is linearizable. Rev is the store's revision of the answer, also
	// with ErrNotFound.
	Get(ctx context.Context, key []byte) (KV, Rev, error)

	// Range returns the keys k with from <= k < to in order, at most limit of
	// them (limit > 0), and whether there are more. An empty to means no end.
	// It sees one revision, the returned one.
	Range(ctx context.Context, from, to []byte, limit int) (kvs []KV, more bool, rev Rev, err error)

	// Count returns how many keys Range would return, and reads no value.
	Count(ctx context.Context, from, to []byte, limit int) (n int, rev Rev, err error)

	// Txn applies all ops if all conditions hold. It is durable (survives
	// power loss) and observed (see Observe) when it returns ok. ok false with
	// a nil error means that a condition failed and nothing was applied; rev
	// is then the revision at which it failed.
	// A key may stand in ops once.
	Txn(ctx context.Context, cmps []Cmp, ops []Op) (ok bool, rev Rev, err error)

	// Observe calls f for each committed transaction, in order of revision,
	// with its events, before the transaction's Txn returns and before any
	// reader is told a later revision by this store's Txn. It is how caches
	// stay exact: f must be quick and must not call the store. Stop with the
	// returned function; after it returns f is not called again.
	Observe(f func(rev Rev, events []Event)) (stop func())

	// Watch streams the events of keys with the given prefix that were
	// committed after from, ordered by Mod, without gaps. from 0 means from
	// now on. Next blocks.
	Watch(ctx context.Context, prefix []byte, from Rev) (Watcher, error)

	// Session tells that this process is alive to the others that share the
	// store. With a store of one process it is trivially alive.
	Session(ctx context.Context) (Session, error)

	// Snapshot writes all keys as of one revision in the engine-independent
	// stream of docs/formats.md; Restore reads such a stream into an empty
	// store and refuses any other.
	Snapshot(ctx context.Context, w io.Writer) (Rev, error)
	Restore(ctx context.Context, r io.Reader) error

	// Close waits for running transactions.
	Close() error
}

// Watcher is a running watch.
type Watcher interface {
	// Next returns the next event. ErrCompacted and ErrClosed are final.
	Next(ctx context.Context) (Event, error)
	Close()
}

// Session is a liveness session.
type Session interface {
	ID() string
	// Lost is closed when the others may take this process for dead.
	Lost() <-chan struct{}
	Close() error
}
