package policies

import (
	"context"
	"errors"
	"fmt"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/record"
	"trent/internal/store"
)

// PutKeyPolicy replaces the key's policy, whatever the key's state.
func (o *Ops) PutKeyPolicy(ctx context.Context, c *call.Call, in *api.PutKeyPolicyRequest) error {
	if in.Has(api.PutKeyPolicyPolicyName) && in.PolicyName != defaultName {
		return errNoSuchPolicy()
	}
	k := c.Key()
	checked, err := o.Rules.Check(ctx, c, k, in.Policy, in.BypassPolicyLockoutSafetyCheck)
	if err != nil {
		return err
	}
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return err
	}
	path := record.PolicyPath(k.Region, k.Account, k.ID)
	kv, _, err := o.Store.Get(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return call.ErrConflict // the key is being deleted
	}
	if err != nil {
		return err
	}
	version, err := region.Records.Open(kv.Key, kv.Value, record.TypePolicy, new(record.Policy))
	if err != nil {
		return fmt.Errorf("key policy of %s: %w", k.ID, err)
	}
	value, err := region.Records.Seal(path, record.TypePolicy, version+1, checked)
	if err != nil {
		return err
	}
	// The key's revision is a condition: its deletion may have begun.
	cmps := []store.Cmp{{Key: path, Mod: kv.Mod}, {Key: record.KeyPath(k.Region, k.Account, k.ID), Mod: store.Rev(k.Revision)}}
	return c.Commit(ctx, o.Store, cmps, []store.Op{{Key: path, Value: value}})
}
