// Package rotation has the operations on the rotation of key material. One file
// an operation; what a rotation changes is internal/rotate's. It must never use
// key material. Only internal/service imports it.
package rotation

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Module  *use.Module

	ids audit.IDs
}

// rotatable refuses keys that have no automatic rotation: all but symmetric
// encryption keys whose material the crypto module makes, and of multi-Region
// keys all but the primary.
func rotatable(k *key.Key) error {
	switch {
	case k.Spec != key.SymmetricDefault:
		return &apierr.Error{Code: apierr.UnsupportedOperation} // AWS's has no message
	case k.Origin != key.OriginAWSKMS:
		return wrongOrigin(k)
	}
	return primary(k)
}

func wrongOrigin(k *key.Key) error {
	return apierr.New(apierr.UnsupportedOperation, "%s origin is %s which is not valid for this operation.", k.ARN, k.Origin)
}

// primary refuses replicas: what concerns all of a multi-Region key's Regions
// is asked of its primary.
func primary(k *key.Key) error {
	if k.MultiRegion && k.PrimaryRegion != k.Region {
		return apierr.New(apierr.UnsupportedOperation, "%s is not a multi-region primary key.", k.ARN)
	}
	return nil
}

// change is a mutation of a key's record on its way.
type change struct {
	rotate.Place
	key     *key.Key
	record  record.Key
	version uint64 // of the record as it was read
	cmps    []store.Cmp
	ops     []store.Op
}

// begin reads the record of the call's key.
func (o *Ops) begin(ctx context.Context, c *call.Call) (*change, error) {
	k := c.Key()
	region, err := o.Regions.Region(ctx, k.Region)
	if err != nil {
		return nil, err
	}
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, call.ErrConflict
	}
	place := rotate.Place{Records: region.Records, Partition: k.Partition, Region: k.Region, Account: k.Account, KeyID: k.ID}
	return &change{Place: place, key: k, record: r, version: version}, nil
}

// commit writes the record and what belongs to it, if the key is as it was authorized.
func (o *Ops) commit(ctx context.Context, c *call.Call, ch *change) error {
	path := record.KeyPath(ch.Region, ch.Account, ch.KeyID)
	value, err := ch.Records.Seal(path, record.TypeKey, ch.version+1, &ch.record)
	if err != nil {
		return err
	}
	cmps := append(ch.cmps, store.Cmp{Key: path, Mod: store.Rev(ch.key.Revision)})
	return c.Commit(ctx, o.Store, cmps, append(ch.ops, store.Op{Key: path, Value: value}))
}

// reschedule writes the due row of the next automatic rotation in place of the
// one before.
func (ch *change) reschedule(before []byte) {
	if before != nil {
		ch.ops = append(ch.ops, store.Op{Key: before, Delete: true})
	}
	if due := ch.Due(&ch.record); due != nil {
		ch.ops = append(ch.ops, store.Op{Key: due})
	}
}
