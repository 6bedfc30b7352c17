// Package keyuse owns what is known of the use of KMS keys: which operation used
// a key last, and how many uses a key has refused since its deletion was scheduled
// or a brown-out began.
//
// Nothing is written on a request's way. A use is a note in memory; once a minute
// the notes become records, in batches, and what a kill leaves unwritten is read
// from the audit trail at the next start (internal/node). The records decide
// nothing, and go with their keys. The package must never hold more than the ids of
// a use. The pipeline notes; operations, conditions and operators read.
package keyuse

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// Bounds of what is not written yet.
const (
	// FlushEvery is how often notes become records.
	FlushEvery = time.Minute
	maxPending = 200_000 // keys; beyond them a flush begins early, and what comes until then is not noted
	numShards  = 64
)

// Config is what Uses are made of.
type Config struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records func(ctx context.Context, region string) (*record.Sealer, error)
	// Since is when the service began to keep last uses.
	Since func() time.Time
	Log   *slog.Logger
}

// A Use is a key's last.
type Use struct {
	Operation string
	Time      time.Time
	EventID   string // of its audit record
	RequestID string
}

// Refusals are the uses that a key has refused in a period.
type Refusals struct {
	Count     uint64
	Time      time.Time // of the last
	Operation string
	By        string // ARN of the principal
}

// Uses keeps the uses of all keys.
type Uses struct {
	Config
	seed    maphash.Seed
	shards  [numShards]shard
	full    chan struct{}
	writing sync.Mutex // of flushes, and of who wants what they have written
	lost    atomic.Uint64
	refused [numReasons]atomic.Uint64
}

type shard struct {
	mu    sync.Mutex
	notes map[string]*note // by ARN
}

// A note is what is new of one key. One that is written stays for a while, so that
// a busy key's needs no memory made.
type note struct {
	region, account, keyID string
	arn                    string
	use                    Use
	period                 int64
	refusals               Refusals // not written yet
	used, idle             bool     // used: use is not written yet
}

// New returns what knows of no use that is not written.
func New(c Config) *Uses {
	return &Uses{Config: c, seed: maphash.MakeSeed(), full: make(chan struct{}, 1)}
}

// Used notes a successful use.
func (u *Uses) Used(k *key.Key, use Use) {
	s := u.shard(k.ARN)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := u.note(s, k)
	if n == nil || use.Time.Before(n.use.Time) {
		return
	}
	n.use, n.used, n.idle = use, true, false
}

// A Reason is why a use was refused.
type Reason uint8

// The reasons.
const (
	Pending  Reason = iota // the key waits for its deletion
	BrownOut               // an operator tries what its deletion would break

	numReasons
)

// String is the reason as metrics have it.
func (r Reason) String() string { return [...]string{"pending_deletion", "brown_out"}[r] }

// Reasons lists them.
func Reasons() []Reason { return []Reason{Pending, BrownOut} }

// Refused notes a refused use.
func (u *Uses) Refused(k *key.Key, why Reason, operation, by string, at time.Time) {
	u.refused[why].Add(1)
	s := u.shard(k.ARN)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := u.note(s, k)
	if n == nil {
		return
	}
	if p := Period(k); n.period != p {
		n.period, n.refusals = p, Refusals{}
	}
	n.refusals.Count++
	n.idle = false
	if !at.Before(n.refusals.Time) {
		n.refusals.Time, n.refusals.Operation, n.refusals.By = at, operation, by
	}
}

// TotalRefused is how many uses this process has refused for a reason.
func (u *Uses) TotalRefused(why Reason) uint64 { return u.refused[why].Load() }

// Lost is how many uses were not noted, for want of room.
func (u *Uses) Lost() uint64 { return u.lost.Load() }

// Period is what refusals are counted for: the key's deletion date, else the
// beginning of its brown-out; 0 without either.
func Period(k *key.Key) int64 {
	switch {
	case !k.DeletionDate.IsZero():
		return k.DeletionDate.UnixMilli()
	case k.Brownout.Percent > 0:
		return k.Brownout.Since.UnixMilli()
	}
	return 0
}

func (u *Uses) shard(arn string) *shard {
	return &u.shards[maphash.String(u.seed, arn)%numShards]
}

// note returns a key's; nil if there is no room. The shard is locked.
func (u *Uses) note(s *shard, k *key.Key) *note {
	if n := s.notes[k.ARN]; n != nil {
		return n
	}
	if len(s.notes) >= maxPending/numShards {
		u.lost.Add(1)
		select {
		case u.full <- struct{}{}:
		default:
		}
		return nil
	}
	if s.notes == nil {
		s.notes = map[string]*note{}
	}
	n := &note{region: k.Region, account: k.Account, keyID: k.ID, arn: k.ARN}
	s.notes[k.ARN] = n
	return n
}

// Last returns a key's last use, to a millisecond; ok is false if none is known.
func (u *Uses) Last(ctx context.Context, k *key.Key) (use Use, ok bool, err error) {
	s := u.shard(k.ARN)
	s.mu.Lock()
	if n := s.notes[k.ARN]; n != nil {
		use = n.use
	}
	s.mu.Unlock()
	r, _, err := u.stored(ctx, k.Region, k.Account, k.ID)
	if err != nil {
		return Use{}, false, err
	}
	if r.TimeMs != 0 && (use.Time.IsZero() || r.TimeMs > use.Time.UnixMilli()) { // what is noted may have begun before
		use = Use{Operation: r.Operation, Time: time.UnixMilli(r.TimeMs), EventID: r.EventID, RequestID: r.RequestID}
	}
	if use.Time.IsZero() {
		return Use{}, false, nil
	}
	use.Time = time.UnixMilli(use.Time.UnixMilli()).UTC()
	return use, true, nil
}

// Refusals returns what a key has refused in its present period.
func (u *Uses) Refusals(ctx context.Context, k *key.Key) (Refusals, error) {
	u.writing.Lock() // what is being written is in neither place
	defer u.writing.Unlock()
	r, _, err := u.stored(ctx, k.Region, k.Account, k.ID)
	if err != nil {
		return Refusals{}, err
	}
	var all Refusals
	if f := r.Refused; f != nil && f.Period == Period(k) {
		all = Refusals{Count: f.Count, Time: time.UnixMilli(f.TimeMs).UTC(), Operation: f.Operation, By: f.By}
	}
	s := u.shard(k.ARN)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.notes[k.ARN]; n != nil && n.refusals.Count > 0 && n.period == Period(k) {
		count := all.Count + n.refusals.Count
		all = n.refusals
		all.Count = count
	}
	return all, nil
}

// TrackingStart is since when a key's uses are kept.
func (u *Uses) TrackingStart(k *key.Key) time.Time {
	if since := u.Since(); since.After(k.Created) {
		return since
	}
	return k.Created
}

// UnusedDays is the whole days since a key's last use or, without one, since its
// uses are kept.
func (u *Uses) UnusedDays(ctx context.Context, k *key.Key, now time.Time) (int, error) {
	since := u.TrackingStart(k)
	use, ok, err := u.Last(ctx, k)
	if err != nil {
		return 0, err
	}
	if ok && use.Time.After(since) {
		since = use.Time
	}
	return max(0, int(now.Sub(since)/(24*time.Hour))), nil
}

// stored reads a key's record, whose absence is an empty one.
func (u *Uses) stored(ctx context.Context, region, account, keyID string) (r record.KeyUse, version uint64, err error) {
	kv, _, err := u.Store.Get(ctx, record.KeyUsePath(region, account, keyID))
	if errors.Is(err, store.ErrNotFound) {
		return r, 0, nil
	}
	if err != nil {
		return r, 0, err
	}
	records, err := u.Records(ctx, region)
	if err != nil {
		return r, 0, err
	}
	if version, err = records.Open(kv.Key, kv.Value, record.TypeKeyUse, &r); err != nil {
		return r, 0, fmt.Errorf("last use of key %s: %w", keyID, err)
	}
	return r, version, nil
}
