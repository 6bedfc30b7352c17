// Package keychange owns a mutation of one key's record on its way: read as it
// was authorized, edited by the operation, and committed with what belongs to it
// and the audit record, if the key is still the same. It must never decide what is
// changed. The operations import it.
package keychange

import (
	"context"

	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
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
	return &Change{Place: place, Key: k, Record: r, Version: version}, nil
}

// Commit writes the record and what belongs to it.
func (ch *Change) Commit(ctx context.Context, c *call.Call, st store.Store) error {
	path := record.KeyPath(ch.Region, ch.Account, ch.KeyID)
	value, err := ch.Records.Seal(path, record.TypeKey, ch.Version+1, &ch.Record)
	if err != nil {
		return err
	}
	cmps := append(ch.Cmps, store.Cmp{Key: path, Mod: store.Rev(ch.Key.Revision)})
	return c.Commit(ctx, st, cmps, append(ch.Ops, store.Op{Key: path, Value: value}))
}
