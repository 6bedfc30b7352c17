// Package keydir turns what a request names (a key id, an ARN, an alias, a
// material id from a ciphertext) into an immutable key snapshot, with the key
// policy compiled, the tags and the aliases that decide who may use it. It caches
// snapshots, and drops one before the commit that changes it is acknowledged:
// no request that starts after a change returned sees the old state.
//
// It checks each record's MAC when it fills the cache. It must never decide
// whether a caller may use a key. The pipeline and the operations may import it.
package keydir

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trent/internal/arn"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// Bounds of the caches.
const (
	maxSnapshots     = 100_000
	maxSnapshotBytes = 256 << 20
	maxNames         = 200_000 // aliases, and as many material ids
	maxNameBytes     = 64 << 20
)

// ErrNotFound: there is no such key, alias or material.
var ErrNotFound = errors.New("keydir: not found")

// Records returns a Region's record sealer.
type Records func(ctx context.Context, region string) (*record.Sealer, error)

// Dir is the key directory.
type Dir struct {
	store     store.Store
	records   Records
	partition string
	stop      func()

	keys      *cache[*key.Key]
	aliases   *cache[Alias]
	materials *cache[record.Index]
}

// Alias is an alias as the store has it.
type Alias struct {
	Region, Account, Name string // Name includes "alias/"
	KeyID                 string
	Created, Updated      time.Time
	Mod                   store.Rev
	Version               uint64
}

// New returns a directory over st that follows its changes until Close.
func New(st store.Store, records Records, partition string) *Dir {
	d := &Dir{
		store: st, records: records, partition: partition,
		keys:      newCache[*key.Key](maxSnapshots, maxSnapshotBytes),
		aliases:   newCache[Alias](maxNames, maxNameBytes),
		materials: newCache[record.Index](maxNames, maxNameBytes),
	}
	d.stop = st.Observe(d.observe)
	return d
}

// Close ends the observation.
func (d *Dir) Close() { d.stop() }

func (d *Dir) observe(_ store.Rev, events []store.Event) {
	for _, e := range events {
		p, ok := record.ParsePath(e.Key)
		if !ok {
			continue
		}
		switch p.Kind {
		case record.KindKey, record.KindPolicy, record.KindMaterial, record.KindTags, record.KindAliasOfKey:
			d.keys.drop(record.KeyPath(p.Region, p.Account, p.KeyID))
		case record.KindAlias:
			d.aliases.drop(e.Key)
		case record.KindIndex:
			d.materials.drop(e.Key)
		}
	}
}

// Key returns the snapshot of a key, or ErrNotFound.
func (d *Dir) Key(ctx context.Context, region, account, keyID string) (*key.Key, error) {
	path := record.KeyPath(region, account, keyID)
	for attempt := 1; ; attempt++ {
		k, gen, ok := d.keys.get(path)
		if ok {
			return k, nil
		}
		k, size, err := d.read(ctx, path, region, account, keyID)
		if d.keys.put(path, k, size, gen, err) || attempt == maxReads {
			return k, err
		}
	}
}

// maxReads bounds how often a snapshot is read again because a commit came
// between the reads of its records. Other keys' commits count too (they share
// shards), so giving up is harmless as a rule; a mutation compares and swaps
// in any case.
const maxReads = 4

// ByMaterial returns the key in a Region that owns a material, or ErrNotFound.
func (d *Dir) ByMaterial(ctx context.Context, region string, id key.MaterialID) (*key.Key, error) {
	path := record.IndexPath(region, id[:])
	index, gen, ok := d.materials.get(path)
	if !ok {
		kv, err := d.get(ctx, path)
		if err != nil {
			return nil, err
		}
		records, err := d.records(ctx, region)
		if err != nil {
			return nil, err
		}
		if _, err := records.Open(kv.Key, kv.Value, record.TypeIndex, &index); err != nil {
			return nil, fmt.Errorf("material index: %w", err)
		}
		d.materials.put(path, index, len(path)+len(kv.Value), gen, nil)
	}
	k, err := d.Key(ctx, region, index.Account, index.KeyID)
	if err == nil && k.Material(id) == nil {
		return nil, fmt.Errorf("material index of %s: %w", k.ID, record.ErrTampered)
	}
	return k, err
}

// Alias returns an alias; name includes "alias/".
func (d *Dir) Alias(ctx context.Context, region, account, name string) (Alias, error) {
	path := record.AliasPath(region, account, name[len(aliasPrefix):])
	a, gen, ok := d.aliases.get(path)
	if ok {
		return a, nil
	}
	kv, err := d.get(ctx, path)
	if err != nil {
		return Alias{}, err
	}
	if a, err = d.DecodeAlias(ctx, region, account, kv); err != nil {
		return Alias{}, err
	}
	d.aliases.put(path, a, len(path)+len(kv.Value), gen, nil)
	return a, nil
}

const aliasPrefix = "alias/"

// DecodeAlias decodes an alias record that was read from the store.
func (d *Dir) DecodeAlias(ctx context.Context, region, account string, kv store.KV) (Alias, error) {
	records, err := d.records(ctx, region)
	if err != nil {
		return Alias{}, err
	}
	var r record.Alias
	version, err := records.Open(kv.Key, kv.Value, record.TypeAlias, &r)
	if err != nil {
		return Alias{}, fmt.Errorf("alias record: %w", err)
	}
	prefix := record.AliasPrefix(region, account)
	return Alias{
		Region: region, Account: account, Name: aliasPrefix + string(kv.Key[len(prefix):]), KeyID: r.KeyID,
		Created: time.UnixMilli(r.CreatedMs), Updated: time.UnixMilli(r.UpdatedMs), Mod: kv.Mod, Version: version,
	}, nil
}

func (d *Dir) get(ctx context.Context, path []byte) (store.KV, error) {
	kv, _, err := d.store.Get(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return store.KV{}, ErrNotFound
	}
	return kv, err
}

// Snapshot makes a snapshot of a key record alone.
func (d *Dir) Snapshot(region, account, keyID string, r *record.Key) *key.Key {
	k := &key.Key{
		Partition: d.partition, Region: region, Account: account, ID: keyID,
		ARN:       arn.Key(d.partition, region, account, keyID),
		PublicKey: r.PublicKey,
		Spec:      key.Spec(r.Spec), Usage: key.Usage(r.Usage), Origin: key.Origin(r.Origin), State: key.State(r.State),
		MultiRegion: r.MultiRegion, Description: r.Description,
		Created: time.UnixMilli(r.CreatedMs).UTC(), Current: -1,
	}
	k.PrimaryRegion, k.ReplicaRegions = r.PrimaryRegion, r.ReplicaRegions
	k.DeletionDate, k.PendingDays = date(r.DeletionMs), r.PendingDays
	if b := r.Brownout; b != nil {
		k.Brownout = key.Brownout{Percent: b.Percent, Since: date(b.SinceMs), Until: date(b.UntilMs)}
	}
	if rotation := r.Rotation; rotation != nil {
		k.Rotation = key.Rotation{Enabled: rotation.Enabled, PeriodDays: rotation.PeriodDays, Next: date(rotation.NextMs), OnDemand: rotation.OnDemand}
	}
	return k
}

// date is a record's time; 0 is none.
func date(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Usage is what a cache holds, and how often it had what it was asked for.
type Usage struct {
	Cache          string // "keys", "aliases" or "materials"
	Entries, Bytes int
	Hits, Misses   uint64
}

// Usage returns the usage of each cache.
func (d *Dir) Usage() []Usage {
	return []Usage{d.keys.usage("keys"), d.aliases.usage("aliases"), d.materials.usage("materials")}
}

// Record reads the record behind a snapshot, for a mutation to change it. ok
// is false if the key has changed since the snapshot was made.
func (d *Dir) Record(ctx context.Context, k *key.Key) (r record.Key, version uint64, ok bool, err error) {
	kv, err := d.get(ctx, record.KeyPath(k.Region, k.Account, k.ID))
	if errors.Is(err, ErrNotFound) || err == nil && int64(kv.Mod) != k.Revision {
		return r, 0, false, nil
	}
	if err != nil {
		return r, 0, false, err
	}
	records, err := d.records(ctx, k.Region)
	if err != nil {
		return r, 0, false, err
	}
	version, err = records.Open(kv.Key, kv.Value, record.TypeKey, &r)
	return r, version, err == nil, err
}
