// Package keys has the operations on the keys themselves: creating,
// describing, listing, switching on and off, scheduling their deletion. One file an operation. It must
// never use key material. Only internal/service imports it.
package keys

import (
	"context"
	"io"

	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/ops/keypolicy"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Module  *use.Module
	Rules   *keypolicy.Rules
	Limits  quota.Limits
	Quota   *quota.Keys
	// Guard, if not nil, refuses the deletion of keys that are in use.
	Guard func(ctx context.Context, k *key.Key) error
	// Rand makes key ids.
	Rand io.Reader
}

// setState changes the key's state to s.
func (o *Ops) setState(ctx context.Context, c *call.Call, s key.State) error {
	return o.change(ctx, c, func(r *record.Key) { r.State = string(s) })
}

// change commits what edit makes of the key's record.
func (o *Ops) change(ctx context.Context, c *call.Call, edit func(r *record.Key)) error {
	k := c.Key()
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return err
	}
	if !ok {
		return call.ErrConflict
	}
	edit(&r)
	return o.write(ctx, c, k, version+1, &r)
}

// write commits a changed key record, and more with it, if the key is still as
// it was authorized.
func (o *Ops) write(ctx context.Context, c *call.Call, k *key.Key, version uint64, r *record.Key, more ...store.Op) error {
	region, err := o.Regions.Region(ctx, k.Region)
	if err != nil {
		return err
	}
	path := record.KeyPath(k.Region, k.Account, k.ID)
	value, err := region.Records.Seal(path, record.TypeKey, version, r)
	if err != nil {
		return err
	}
	return c.Commit(ctx, o.Store, []store.Cmp{{Key: path, Mod: store.Rev(k.Revision)}}, append(more, store.Op{Key: path, Value: value}))
}
