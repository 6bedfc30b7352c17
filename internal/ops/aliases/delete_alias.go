package aliases

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/store"
)

// DeleteAlias removes an alias, whatever the state of its key.
func (o *Ops) DeleteAlias(ctx context.Context, c *call.Call, in *api.DeleteAliasRequest) error {
	a, err := o.Keys.Alias(ctx, c.Region, c.Caller.Account, in.AliasName)
	if errors.Is(err, keydir.ErrNotFound) || err == nil && a.KeyID != c.Key().ID {
		return call.ErrConflict // deleted or moved since it was authorized
	}
	if err != nil {
		return err
	}
	name := in.AliasName[len(aliasPrefix):]
	path := record.AliasPath(c.Region, c.Caller.Account, name)
	return c.Commit(ctx, o.Store, []store.Cmp{{Key: path, Mod: a.Mod}}, []store.Op{
		{Key: path, Delete: true},
		{Key: record.AliasOfKeyPath(c.Region, c.Caller.Account, a.KeyID, name), Delete: true},
	})
}
