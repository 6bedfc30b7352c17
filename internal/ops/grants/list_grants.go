package grants

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/grant"
	"trent/internal/grantdir"
	"trent/internal/ops/paging"
	"trent/internal/record"
	"trent/internal/store"
)

// Limits of both lists (AWS: ListGrants, ListRetirableGrants).
const (
	listDefault = 50
	listMost    = 100 // the shape's is 1000
)

// ListGrants lists the grants on a key in the order of their ids: all, one, or
// those of one grantee.
func (o *Ops) ListGrants(ctx context.Context, c *call.Call, in *api.ListGrantsRequest) (*api.ListGrantsResponse, error) {
	if in.Has(api.ListGrantsGranteeServicePrincipal) {
		return nil, servicesOnly("GranteeServicePrincipal")
	}
	out := &api.ListGrantsResponse{Grants: []api.GrantListEntry{}}
	grantee := in.GranteePrincipal
	if in.Has(api.ListGrantsGranteePrincipal) {
		p, err := principalName(c, grantee)
		if err != nil {
			return nil, err
		}
		grantee = p
	}
	k := c.Key()
	take := func(id string, g *record.Grant) (bool, error) {
		if grantee != "" && g.Grantee != grantee {
			return false, nil
		}
		entry, err := o.listEntry(ctx, c.Partition, k.ARN, id, g)
		if err != nil || grantee != "" && entry.GranteePrincipal != grantee {
			return false, err
		}
		out.Grants = append(out.Grants, entry)
		return true, nil
	}
	if in.Has(api.ListGrantsGrantId) {
		if err := grant.CheckID(in.GrantId); err != nil {
			return nil, err
		}
		g, _, err := o.Grants.Read(ctx, k.Region, k.Account, k.ID, in.GrantId)
		if errors.Is(err, grantdir.ErrNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		_, err = take(in.GrantId, g)
		return out, err
	}
	limit := limitOf(in.Has(api.ListGrantsLimit), int(in.Limit))
	prefix := record.GrantPrefix(k.Region, k.Account, k.ID)
	next, err := o.list(ctx, c, prefix, in.Marker, limit, func(kv store.KV) (bool, error) {
		g, err := o.Grants.Decode(ctx, c.Region, kv)
		if err != nil {
			return false, err
		}
		return take(string(kv.Key[len(prefix):]), g)
	})
	out.NextMarker, out.Truncated = next, next != ""
	return out, err
}

// list gives take the rows of a page.
func (o *Ops) list(ctx context.Context, c *call.Call, prefix []byte, marker string, limit int, take func(store.KV) (bool, error)) (next string, err error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return "", err
	}
	return paging.Filter(ctx, o.Store, region.Seal, c, prefix, marker, limit, take)
}

func limitOf(given bool, limit int) int {
	if !given {
		return listDefault
	}
	return min(limit, listMost)
}

// servicesOnly refuses a filter that AWS documents for callers that are services.
func servicesOnly(parameter string) error {
	return apierr.New(apierr.Validation, "%s can be specified only by a service principal.", parameter)
}
