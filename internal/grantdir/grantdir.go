// Package grantdir finds the grant on a key that allows a request, however many
// grants the key has. It keeps an index of a key's grants in memory, from the
// first request that asks for it, and changes it with each commit before that is
// acknowledged: no request that starts after RevokeGrant or RetireGrant returned
// is allowed by the grant.
//
// It checks each record's MAC when it reads it. What a grant means is
// internal/grant's; whether a request may go on is internal/authz's, which asks
// here. The wiring and the operations on grants import it too.
package grantdir

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"trent/internal/domains"
	"trent/internal/grant"
	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// Bounds of the indexes of all keys together. A key without grants has one too,
// of keyBytes: that it has none is worth knowing.
const (
	maxKeys  = 100_000
	maxBytes = 256 << 20
)

// ErrNotFound: there is no such grant.
var ErrNotFound = errors.New("grantdir: not found")

// Dir is the directory of grants.
type Dir struct {
	store    store.Store
	regions  domains.Finder
	stop     func()
	maxKeys  int
	maxBytes int

	seed  maphash.Seed
	shard [shards]shard

	keys, bytes  atomic.Int64 // of all shards
	hits, misses atomic.Uint64
	victim       atomic.Uint64 // counts the shards that were asked to forget
}

const shards = 64

type shard struct {
	mu sync.RWMutex
	m  map[keyName]*index
	_  [64]byte // keeps two shards' locks out of one cache line
}

// keyName names a key, of whatever Region and account.
type keyName struct{ region, account, id string }

// New returns a directory over st that follows its changes until Close.
func New(st store.Store, regions domains.Finder) *Dir {
	d := &Dir{store: st, regions: regions, maxKeys: maxKeys, maxBytes: maxBytes, seed: maphash.MakeSeed()}
	for i := range d.shard {
		d.shard[i].m = map[keyName]*index{}
	}
	d.stop = st.Observe(d.observe)
	return d
}

// Close ends the observation.
func (d *Dir) Close() { d.stop() }

func (d *Dir) of(name keyName) *shard { return &d.shard[maphash.Comparable(d.seed, name)%shards] }

// Allow says by which grant on a key a principal may do what he asks, and how
// far that goes: the strongest way that a grant offers. It is ViaNothing if no
// grant allows it.
func (d *Dir) Allow(ctx context.Context, k *key.Key, p *policy.Principal, a *grant.Ask) (via policy.Via, id string, err error) {
	x, err := d.index(ctx, k)
	if err != nil {
		return policy.ViaNothing, "", err
	}
	via, id = x.allow(p, a)
	return via, id, nil
}

// Count returns how many grants a key has.
func (d *Dir) Count(ctx context.Context, k *key.Key) (int, error) {
	x, err := d.index(ctx, k)
	if err != nil {
		return 0, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.grants), nil
}

// Same returns the id of a grant on the key with a name that CreateGrant made of
// the same parameters, "" if there is none.
func (d *Dir) Same(ctx context.Context, k *key.Key, g *record.Grant) (id string, err error) {
	x, err := d.index(ctx, k)
	if err != nil || g.Name == "" {
		return "", err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if ids := x.same[grant.Same(g)]; len(ids) > 0 {
		return ids[0], nil
	}
	return "", nil
}

// Read returns the record of a grant, and the revision that made it, or
// ErrNotFound.
func (d *Dir) Read(ctx context.Context, region, account, keyID, grantID string) (*record.Grant, store.Rev, error) {
	if !grant.ValidID(grantID) {
		return nil, 0, ErrNotFound
	}
	kv, _, err := d.store.Get(ctx, record.GrantPath(region, account, keyID, grantID))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	g, err := d.Decode(ctx, region, kv)
	return g, kv.Mod, err
}

// Decode decodes a grant record that was read from the store.
func (d *Dir) Decode(ctx context.Context, region string, kv store.KV) (*record.Grant, error) {
	r, err := d.regions.Region(ctx, region)
	if err != nil {
		return nil, err
	}
	return decode(r.Records, kv)
}

func decode(records *record.Sealer, kv store.KV) (*record.Grant, error) {
	g := new(record.Grant)
	if _, err := records.Open(kv.Key, kv.Value, record.TypeGrant, g); err != nil {
		return nil, fmt.Errorf("grant record %s: %w", kv.Key, err)
	}
	return g, nil
}

// Usage is what the directory holds, the indexes of keys, and how often it had
// what it was asked for.
type Usage struct {
	Cache          string // "grants"
	Entries, Bytes int
	Hits, Misses   uint64
}

// Usage returns the directory's usage.
func (d *Dir) Usage() Usage {
	return Usage{Cache: "grants", Entries: int(d.keys.Load()), Bytes: int(d.bytes.Load()), Hits: d.hits.Load(), Misses: d.misses.Load()}
}
