package aliases

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/store"
)

// CreateAlias gives a key a name in its account and Region.
func (o *Ops) CreateAlias(ctx context.Context, c *call.Call, in *api.CreateAliasRequest) error {
	k := c.Key()
	if arn.ReservedAliasName(in.AliasName) {
		return apierr.New(apierr.InvalidAliasName, "%s is not a valid alias name: names that begin with alias/aws/ are reserved for AWS managed keys.", in.AliasName)
	}
	if !arn.ValidAliasName(in.AliasName) {
		return apierr.New(apierr.InvalidAliasName, "%s is not a valid alias name.", in.AliasName)
	}
	name := in.AliasName[len(aliasPrefix):]
	aliasARN := arn.Alias(c.Partition, c.Region, c.Caller.Account, in.AliasName)
	if _, err := o.Keys.Alias(ctx, c.Region, c.Caller.Account, in.AliasName); !errors.Is(err, keydir.ErrNotFound) {
		if err != nil {
			return err
		}
		return apierr.New(apierr.AlreadyExists, "An alias with the name %s already exists", aliasARN)
	}
	if err := o.checkRoom(ctx, k); err != nil {
		return err
	}
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return err
	}
	path := record.AliasPath(c.Region, c.Caller.Account, name)
	now := c.Time.UnixMilli()
	value, err := region.Records.Seal(path, record.TypeAlias, 1, &record.Alias{KeyID: k.ID, CreatedMs: now, UpdatedMs: now})
	if err != nil {
		return err
	}
	c.Alias = aliasARN
	// The key's revision is a condition: it may have become pending deletion.
	cmps := []store.Cmp{{Key: path}, {Key: record.KeyPath(k.Region, k.Account, k.ID), Mod: store.Rev(k.Revision)}}
	return c.Commit(ctx, o.Store, cmps, []store.Op{
		{Key: path, Value: value},
		{Key: record.AliasOfKeyPath(k.Region, k.Account, k.ID, name)},
	})
}
