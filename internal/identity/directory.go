package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/hsm/client/identity"
	"trent/internal/record"
	"trent/internal/store"
)

// Bounds of the caches.
const (
	maxDayKeys    = 10_000
	maxAccessKeys = 10_000
)

// AccessKey is an access key as it authenticates: an immutable snapshot.
type AccessKey struct {
	ID     string
	Caller Caller
	Active bool
	token  []byte // seals the secret; only the crypto module opens it
	gen    uint64 // of the directory when this was read

	// WellKnown is a credential of trent dev. Stored is false until Make.
	WellKnown, Stored bool
}

// Config is what a Directory is made of.
type Config struct {
	Store  store.Store
	Module *identity.Module
	// Records checks and makes the MACs of global records.
	Records func() (*record.Sealer, error)
	// Partition is the ARN partition, "aws" by default.
	Partition string
	// Dev accepts the well-known credentials of trent dev: the access key id
	// "test" (account 000000000000) and every 12-digit access key id (that
	// account), secret "test". They are made when first seen.
	Dev bool
	Now func() time.Time
	Log *slog.Logger
}

// Directory finds access keys and their day keys.
type Directory struct {
	Config
	stop func()

	mu                     sync.RWMutex
	keys                   map[string]*AccessKey
	keysGen                uint64 // grows with each invalidation, so that no fill overtakes one
	days                   map[dayKeyID]*dayKey
	keyLookups, dayLookups lookups

	makeDev sync.Mutex // one well-known credential is made at a time
	events  audit.IDs
}

type dayKeyID struct{ accessKeyID, date, region, service string }

// A dayKey is read and wiped under the directory's lock only.
type dayKey [32]byte

// New returns a directory that follows the store's changes until Close.
func New(c Config) *Directory {
	d := &Directory{Config: c, keys: map[string]*AccessKey{}, days: map[dayKeyID]*dayKey{}}
	accessKeys, accounts := string(record.AccessKeyPrefix()), record.AccountPrefix()
	d.stop = c.Store.Observe(func(_ store.Rev, events []store.Event) {
		for _, e := range events {
			if id, ok := strings.CutPrefix(string(e.Key), accessKeys); ok {
				d.forget(func(k dayKeyID) bool { return k.accessKeyID == id })
			} else if bytes.HasPrefix(e.Key, accounts) && (e.Deleted || e.Create != e.Mod) {
				// A new account has no access key yet that could be cached.
				d.forget(func(dayKeyID) bool { return true })
			}
		}
	})
	return d
}

// Close ends the observation and wipes the day keys.
func (d *Directory) Close() {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, k := range d.days {
		clear(k[:])
		delete(d.days, id)
	}
}

// forget drops all access keys, and wipes the day keys that are concerned.
func (d *Directory) forget(concerned func(dayKeyID) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keysGen++
	clear(d.keys) // the others are read again as they are used, with the new generation
	for id, k := range d.days {
		if concerned(id) {
			clear(k[:])
			delete(d.days, id)
		}
	}
}

// ErrUnavailable: the crypto module cannot derive a day key now.
var ErrUnavailable = identity.ErrUnavailable

// errInvalidToken is AWS's answer to an access key that does not exist or is
// not active: which of the two is not said.
func errInvalidToken() error {
	return apierr.New(apierr.UnrecognizedClient, "The security token included in the request is invalid.")
}

// AccessKey returns an active access key of an account that is not disabled,
// or UnrecognizedClientException.
func (d *Directory) AccessKey(ctx context.Context, id string) (*AccessKey, error) {
	d.mu.RLock()
	ak := d.keys[id]
	gen := d.keysGen
	d.mu.RUnlock()
	d.keyLookups.count(ak != nil)
	if ak == nil {
		var err error
		if ak, err = d.read(ctx, id, gen); err != nil || !ak.Stored {
			return ak, err
		}
		d.mu.Lock()
		if d.keysGen == gen {
			if len(d.keys) >= maxAccessKeys {
				clear(d.keys) // they are read again as they are used
			}
			d.keys[ak.ID] = ak
		}
		d.mu.Unlock()
	}
	if !ak.Active {
		return nil, errInvalidToken()
	}
	return ak, nil
}

func (d *Directory) read(ctx context.Context, id string, gen uint64) (*AccessKey, error) {
	if !plausible(id) {
		return nil, errInvalidToken()
	}
	ak, err := d.stored(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		if !d.wellKnown(id) {
			return nil, errInvalidToken()
		}
		ak = &AccessKey{ID: id, Active: true, WellKnown: true}
		ak.Caller.Account, _ = devAccount(id)
	} else if err != nil {
		return nil, err
	}
	account, err := d.FindAccount(ctx, ak.Caller.Account)
	switch {
	case errors.Is(err, ErrNoAccount) && !ak.Stored: // Make makes it
	case errors.Is(err, ErrNoAccount):
		return nil, errInvalidToken()
	case err != nil:
		return nil, err
	case account.Disabled:
		return nil, errInvalidToken()
	}
	ak.gen = gen
	return ak, nil
}

// plausible keeps what cannot be an access key id out of the store's keys.
func plausible(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func (d *Directory) stored(ctx context.Context, id string) (*AccessKey, error) {
	kv, _, err := d.Store.Get(ctx, record.AccessKeyPath(id))
	if err != nil {
		return nil, err
	}
	records, err := d.Records()
	if err != nil {
		return nil, err
	}
	var r record.AccessKey
	if _, err := records.Open(kv.Key, kv.Value, record.TypeAccessKey, &r); err != nil {
		return nil, fmt.Errorf("access key record %s: %w", id, err)
	}
	return &AccessKey{
		ID: id,
		Caller: Caller{
			Account: r.Account, PrincipalARN: r.PrincipalARN, PrincipalID: r.PrincipalID,
			Type: r.Type, UserName: r.UserName, AccessKeyID: id,
		},
		Active: r.Status == statusActive,
		token:  r.Token,
		Stored: true, WellKnown: d.wellKnown(id),
	}, nil
}

// AWS's statuses of access keys.
const (
	statusActive   = "Active"
	statusInactive = "Inactive"
)

// DayKey copies into dst the SigV4 signing key of an access key for a date
// (YYYYMMDD), a Region and a service. The caller wipes dst after use.
func (d *Directory) DayKey(ctx context.Context, ak *AccessKey, date, region, service string, dst *[32]byte) error {
	id := dayKeyID{ak.ID, date, region, service}
	d.mu.RLock()
	k, ok := d.days[id]
	if ok {
		*dst = *k
	}
	d.mu.RUnlock()
	d.dayLookups.count(ok)
	if ok {
		return nil
	}
	fresh, err := d.Module.DayKey(ctx, ak.Caller.Account, ak.ID, ak.token, date, region, service)
	if err != nil {
		return err
	}
	defer fresh.Wipe()
	copy(dst[:], fresh.Expose())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keysGen != ak.gen {
		return nil // some access key has changed since this one was read
	}
	if len(d.days) >= maxDayKeys {
		d.evictDayKey()
	}
	// The id's strings may point into a request's buffer.
	id = dayKeyID{strings.Clone(ak.ID), strings.Clone(date), strings.Clone(region), strings.Clone(service)}
	kept := dayKey(*dst)
	d.days[id] = &kept
	return nil
}

// evictDayKey wipes and removes a day key that the map's random order picks.
func (d *Directory) evictDayKey() {
	for id, k := range d.days {
		clear(k[:])
		delete(d.days, id)
		return
	}
}

// Usage is what a cache holds, and how often it had what it was asked for.
type Usage struct {
	Cache        string // "access_keys" or "day_keys"
	Entries      int
	Hits, Misses uint64
}

// Usage returns the usage of each cache.
func (d *Directory) Usage() []Usage {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return []Usage{
		{"access_keys", len(d.keys), d.keyLookups.hits.Load(), d.keyLookups.misses.Load()},
		{"day_keys", len(d.days), d.dayLookups.hits.Load(), d.dayLookups.misses.Load()},
	}
}

// lookups counts what a cache was asked for.
type lookups struct{ hits, misses atomic.Uint64 }

func (l *lookups) count(hit bool) {
	if hit {
		l.hits.Add(1)
	} else {
		l.misses.Add(1)
	}
}
