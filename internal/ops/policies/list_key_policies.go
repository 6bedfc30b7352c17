package policies

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/paging"
	"trent/internal/record"
)

const listKeyPoliciesDefault = 100 // AWS: ListKeyPolicies, Limit

// ListKeyPolicies lists the names of the key's policies: there is one.
func (o *Ops) ListKeyPolicies(ctx context.Context, c *call.Call, in *api.ListKeyPoliciesRequest) (*api.ListKeyPoliciesResponse, error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	limit := listKeyPoliciesDefault
	if in.Has(api.ListKeyPoliciesLimit) {
		limit = int(in.Limit)
	}
	k := c.Key()
	page, next, err := paging.Names(region.Seal, c, record.PolicyPath(k.Region, k.Account, k.ID), in.Marker, limit, []string{defaultName})
	if err != nil {
		return nil, err
	}
	return &api.ListKeyPoliciesResponse{PolicyNames: page, NextMarker: next, Truncated: next != ""}, nil
}
