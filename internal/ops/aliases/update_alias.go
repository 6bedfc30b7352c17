package aliases

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/store"
)

// UpdateAlias points an alias to another key of the same type and usage.
func (o *Ops) UpdateAlias(ctx context.Context, c *call.Call, in *api.UpdateAliasRequest) error {
	to, from := c.Keys[0], c.Keys[1]
	a, err := o.Keys.Alias(ctx, c.Region, c.Caller.Account, in.AliasName)
	if errors.Is(err, keydir.ErrNotFound) || err == nil && a.KeyID != from.ID {
		return call.ErrConflict // deleted or moved since it was authorized
	}
	if err != nil {
		return err
	}
	if err := checkAlike(c.Alias, from, to); err != nil {
		return err
	}
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return err
	}
	name := in.AliasName[len(aliasPrefix):]
	path := record.AliasPath(c.Region, c.Caller.Account, name)
	value, err := region.Records.Seal(path, record.TypeAlias, a.Version+1,
		&record.Alias{KeyID: to.ID, CreatedMs: a.Created.UnixMilli(), UpdatedMs: c.Time.UnixMilli()})
	if err != nil {
		return err
	}
	ops := []store.Op{{Key: path, Value: value}}
	if to.ID != from.ID {
		if err := o.checkRoom(ctx, to); err != nil {
			return err
		}
		ops = append(ops,
			store.Op{Key: record.AliasOfKeyPath(from.Region, from.Account, from.ID, name), Delete: true},
			store.Op{Key: record.AliasOfKeyPath(to.Region, to.Account, to.ID, name)})
	}
	// The new key's revision is a condition: it may have become pending deletion.
	cmps := []store.Cmp{{Key: path, Mod: a.Mod}, {Key: record.KeyPath(to.Region, to.Account, to.ID), Mod: store.Rev(to.Revision)}}
	return c.Commit(ctx, o.Store, cmps, ops)
}

// checkAlike returns AWS's error for an alias that would come to mean a key
// of another type or usage, so that what its users do with it would fail.
func checkAlike(alias string, from, to *key.Key) error {
	for _, must := range [...]struct{ what, was, would string }{
		{"usage", string(from.Usage), string(to.Usage)},
		{"type", from.Type().String(), to.Type().String()},
	} {
		if must.was != must.would {
			return apierr.New(apierr.Validation,
				"Alias %s cannot be changed from a CMK with key %s %s to a CMK with key %[2]s %[4]s. The key %[2]s of the current CMK and the new CMK must be the same.",
				alias, must.what, must.was, must.would)
		}
	}
	return nil
}
