package grants

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/grant"
	"trent/internal/record"
	"trent/internal/store"
)

// CreateGrant gives a principal permission to use the key. A grant with a name
// is made once: the same request again has the same grant, and another token.
func (o *Ops) CreateGrant(ctx context.Context, c *call.Call, in *api.CreateGrantRequest) (*api.CreateGrantResponse, error) {
	k := c.Key()
	g, err := o.requested(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if err := grant.Check(g, k); err != nil {
		return nil, err
	}
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	id, err := o.Grants.Same(ctx, k, g)
	if err != nil {
		return nil, err
	}
	if id != "" {
		if err := c.EndDryRun(); err != nil {
			return nil, err
		}
		return answer(c, region, id)
	}
	have, err := o.Grants.Count(ctx, k)
	if err != nil {
		return nil, err
	}
	if limit := o.Limits.GrantsPerKey; have >= limit {
		return nil, apierr.New(apierr.LimitExceeded, "Grants per key quota for this account in this region is %d, current usage is %d.", limit, have)
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	if id, err = grant.NewID(o.Rand); err != nil {
		return nil, err
	}
	out, err := answer(c, region, id)
	if err != nil {
		return nil, err
	}
	return out, o.store(ctx, c, region, id, g)
}

// requested is the grant that the request asks for.
func (o *Ops) requested(ctx context.Context, c *call.Call, in *api.CreateGrantRequest) (*record.Grant, error) {
	g := grant.Requested(in)
	g.IssuingAccount = c.Caller.Account
	var err error
	if g.Grantee != "" {
		if g.Grantee, g.GranteeID, err = o.principal(ctx, c, g.Grantee); err != nil {
			return nil, err
		}
	}
	if g.Retiring != "" {
		if g.Retiring, g.RetiringID, err = o.principal(ctx, c, g.Retiring); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// store commits a new grant, if the key is as it was authorized.
func (o *Ops) store(ctx context.Context, c *call.Call, region *domains.Region, id string, g *record.Grant) error {
	k := c.Key()
	g.CreatedMs = c.Time.UnixMilli()
	path := record.GrantPath(k.Region, k.Account, k.ID, id)
	value, err := region.Records.Seal(path, record.TypeGrant, 1, g)
	if err != nil {
		return err
	}
	ops := []store.Op{{Key: path, Value: value}}
	if row := retirable(k, g, id); row != nil {
		ops = append(ops, store.Op{Key: row})
	}
	cmps := []store.Cmp{{Key: path}, {Key: record.KeyPath(k.Region, k.Account, k.ID), Mod: store.Rev(k.Revision)}}
	return c.Commit(ctx, o.Store, cmps, ops)
}

// answer has a new token; the audit record names the grant, and never the token.
func answer(c *call.Call, region *domains.Region, id string) (*api.CreateGrantResponse, error) {
	k := c.Key()
	token, err := grant.Token{Account: k.Account, KeyID: k.ID, GrantID: id}.Seal(region.Seal, k.Region)
	if err != nil {
		return nil, err
	}
	elements := awsjson.AppendString([]byte(`{"grantId":`), id)
	c.ResponseElements = append(awsjson.AppendString(append(elements, `,"keyId":`...), k.ARN), '}')
	return &api.CreateGrantResponse{GrantId: id, GrantToken: token}, nil
}
