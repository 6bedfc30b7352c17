// Package keychange owns a mutation of one key's record on its way: read as it
// was authorized, edited by the operation, and committed with what belongs to it
// and the audit record, if the key is still the same. It must never decide what is
// changed. The operations import it.
package keychange

import (
	"context"
	"errors"

	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// Change is a mutation of the call's key.
type Change struct {
	rotate.Place
	Key     *key.Key
	Record  record.Key // to be edited
	Version uint64     // of the record as it was read
	Cmps    []store.Cmp
	Ops     []store.Op
	// Each edits the records of a multi-Region primary key's replicas; nil edits
	// nothing but what they share.
	Each func(m *multiregion.Member)

	regions domains.Finder
}

// Begin reads the record of the call's key. call.ErrConflict says that it has
// changed since it was authorized.
func Begin(ctx context.Context, c *call.Call, keys *keydir.Dir, regions domains.Finder) (*Change, error) {
	k := c.Key()
	region, err := regions.Region(ctx, k.Region)
	if err != nil {
		return nil, err
	}
	r, version, ok, err := keys.Record(ctx, k)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, call.ErrConflict
	}
	place := rotate.Place{Records: region.Records, Partition: k.Partition, Region: k.Region, Account: k.Account, KeyID: k.ID}
	return &Change{Place: place, Key: k, Record: r, Version: version, regions: regions}, nil
}

// Commit writes the record and what belongs to it; of a multi-Region primary key,
// also what its replicas share of it.
func (ch *Change) Commit(ctx context.Context, c *call.Call, st store.Store) error {
	if ch.Record.MultiRegion && ch.Record.PrimaryRegion == ch.Region && len(ch.Record.ReplicaRegions) > 0 {
		return ch.commitAll(ctx, c, st)
	}
	path := record.KeyPath(ch.Region, ch.Account, ch.KeyID)
	value, err := ch.Records.Seal(path, record.TypeKey, ch.Version+1, &ch.Record)
	if err != nil {
		return err
	}
	cmps := append(ch.Cmps, store.Cmp{Key: path, Mod: store.Rev(ch.Key.Revision)})
	return c.Commit(ctx, st, cmps, append(ch.Ops, store.Op{Key: path, Value: value}))
}

func (ch *Change) commitAll(ctx context.Context, c *call.Call, st store.Store) error {
	all, err := multiregion.Read(ctx, st, ch.records, ch.Region, ch.Account, ch.KeyID)
	if errors.Is(err, multiregion.ErrNotFound) || errors.Is(err, multiregion.ErrChanged) || err == nil && int64(all.Primary().Mod) != ch.Key.Revision {
		return call.ErrConflict
	}
	if err != nil {
		return err
	}
	all.Primary().Record = ch.Record
	for _, m := range all.Members[1:] {
		if ch.Each != nil && !m.Gone() {
			ch.Each(m)
		}
	}
	cmps, ops, err := all.Writes()
	if err != nil {
		return err
	}
	return c.Commit(ctx, st, append(ch.Cmps, cmps...), append(ch.Ops, ops...))
}

// records returns a Region's record sealer.
func (ch *Change) records(ctx context.Context, region string) (*record.Sealer, error) {
	r, err := ch.regions.Region(ctx, region)
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}
