package grants

import (
	"context"
	"errors"
	"fmt"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/grantdir"
	"trent/internal/record"
	"trent/internal/store"
)

// ListRetirableGrants lists the grants in the Region, on keys of whatever
// account, that name a principal of the caller's account as who may retire them.
func (o *Ops) ListRetirableGrants(ctx context.Context, c *call.Call, in *api.ListRetirableGrantsRequest) (*api.ListRetirableGrantsResponse, error) {
	if in.Has(api.ListRetirableGrantsRetiringServicePrincipal) {
		return nil, servicesOnly("RetiringServicePrincipal")
	}
	name, id, err := o.principal(ctx, c, in.RetiringPrincipal)
	if err != nil {
		return nil, err
	}
	if arn.ParsePrincipal(name).Account != c.Caller.Account {
		return nil, noPrincipal(in.RetiringPrincipal)
	}
	out := &api.ListRetirableGrantsResponse{Grants: []api.GrantListEntry{}}
	limit := limitOf(in.Has(api.ListRetirableGrantsLimit), int(in.Limit))
	next, err := o.list(ctx, c, record.RetirablePrefix(c.Region, name), in.Marker, limit, func(kv store.KV) (bool, error) {
		p, ok := record.ParsePath(kv.Key)
		if !ok {
			return false, fmt.Errorf("index of grants %q: %w", kv.Key, record.ErrTampered)
		}
		g, _, err := o.Grants.Read(ctx, p.Region, p.Account, p.KeyID, p.Name)
		if errors.Is(err, grantdir.ErrNotFound) {
			return false, nil // ended since the page was read
		}
		// Who is there now may not be who was meant.
		if err != nil || g.Retiring != name || g.RetiringID != "" && g.RetiringID != id {
			return false, err
		}
		entry, err := o.listEntry(ctx, c.Partition, arn.Key(c.Partition, p.Region, p.Account, p.KeyID), p.Name, g)
		out.Grants = append(out.Grants, entry)
		return true, err
	})
	out.NextMarker, out.Truncated = next, next != ""
	return out, err
}
