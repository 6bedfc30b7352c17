package grantdir

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/grant"
	"trent/internal/policy"
)

var _ authz.Grants = (*Dir)(nil)

// Find implements authz.Grants. Grant tokens have no say: a grant is in force
// from the moment when CreateGrant has made it, and the pipeline has refused what
// is no token.
func (d *Dir) Find(ctx context.Context, r *authz.Request) (authz.Granted, error) {
	p := r.Principal()
	if in, ok := r.In.(*api.RetireGrantRequest); ok {
		return d.retire(ctx, r, &p, in)
	}
	ask := grant.Ask{Operation: grant.OfAction(r.Action), Context: []awsjson.Pair(r.EncryptionContext())}
	if in, ok := r.In.(*api.CreateGrantRequest); ok {
		ask.Child = grant.Requested(in)
	}
	via, id, err := d.Allow(ctx, r.Key, &p, &ask)
	return authz.Granted{ID: id, Via: via}, err
}

// retire says whether a grant lets the caller retire it. One that is not there
// lets nobody.
func (d *Dir) retire(ctx context.Context, r *authz.Request, p *policy.Principal, in *api.RetireGrantRequest) (authz.Granted, error) {
	id := in.GrantId
	if in.Has(api.RetireGrantGrantToken) {
		token, err := d.Token(ctx, r.Key.Region, in.GrantToken)
		if err != nil {
			return authz.Granted{}, err
		}
		id = token.GrantID
	}
	g, _, err := d.Read(ctx, r.Key.Region, r.Key.Account, r.Key.ID, id)
	if errors.Is(err, ErrNotFound) {
		return authz.Granted{}, nil
	}
	if err != nil {
		return authz.Granted{}, err
	}
	return authz.Granted{ID: id, Via: grant.MayRetire(g, r.Key.Account, p)}, nil
}

// Token opens a grant token of a Region, or returns grant.ErrToken.
func (d *Dir) Token(ctx context.Context, region, text string) (grant.Token, error) {
	r, err := d.regions.Region(ctx, region)
	if err != nil {
		return grant.Token{}, err
	}
	return grant.OpenToken(r.Seal, region, text)
}
