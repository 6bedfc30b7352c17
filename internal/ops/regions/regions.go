// Package regions has the operations on multi-Region keys as such. One file an
// operation; what members of a key share is internal/multiregion's, and what a
// request begins internal/jobs completes. It must never use key material. Only
// internal/service imports it.
package regions

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/multiregion"
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
	Rules   *keypolicy.Rules
	Limits  quota.Limits
	Quota   *quota.Keys

	ids audit.IDs
}

// members reads the members of the call's key, which must be the primary.
func (o *Ops) members(ctx context.Context, c *call.Call) (*multiregion.Key, error) {
	k := c.Key()
	if !k.Primary() {
		return nil, apierr.New(apierr.UnsupportedOperation, "%s is not a multi-region primary key.", k.ARN)
	}
	all, err := multiregion.Read(ctx, o.Store, o.records, k.Region, k.Account, k.ID)
	if errors.Is(err, multiregion.ErrNotFound) || errors.Is(err, multiregion.ErrChanged) || err == nil && int64(all.Primary().Mod) != k.Revision {
		return nil, call.ErrConflict
	}
	return all, err
}

// records returns a Region's record sealer.
func (o *Ops) records(ctx context.Context, region string) (*record.Sealer, error) {
	r, err := o.Regions.Region(ctx, region)
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}

// region returns a Region that a request names beside its own.
func (o *Ops) region(ctx context.Context, c *call.Call, parameter, name string) (*domains.Region, error) {
	if name == c.Region {
		return nil, apierr.New(apierr.Validation, "The %s %s is the Region of the primary key.", parameter, name)
	}
	r, err := o.Regions.Region(ctx, name)
	if errors.Is(err, domains.ErrNoRegion) {
		return nil, apierr.New(apierr.Validation, "The %s %s is not a Region of this service.", parameter, name)
	}
	return r, err
}

// eventIn is the write of a call's record in the other Region that it concerns:
// as in its own, but of the member there.
func (o *Ops) eventIn(c *call.Call, r *domains.Region, k *key.Key, change func(*audit.Event)) (store.Op, error) {
	e := c.Event(nil)
	e.Region, e.EventID = r.Name, o.ids.New()
	e.Resources = []audit.Resource{{AccountID: k.Account, ARN: k.ARN}}
	change(&e)
	return audit.OutboxOp(r.Records, r.Name, e.EventID, e.AppendJSON(nil))
}
