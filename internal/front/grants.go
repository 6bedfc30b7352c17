package front

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/grant"
	"trent/internal/grantdir"
)

// checkTokens refuses a request with a grant token that this Region has not
// given out. It does not look at what a token is for: one of a grant that has
// ended, or of another key, gives nothing and takes nothing.
func (p *Pipeline) checkTokens(ctx context.Context, c *call.Call, in api.Request) error {
	r, ok := in.(api.GrantTokenRequest)
	if !ok {
		return nil
	}
	for _, token := range r.GrantTokenList() {
		if _, err := p.token(ctx, c, token); err != nil {
			return err
		}
	}
	return nil
}

// token opens a grant token.
func (p *Pipeline) token(ctx context.Context, c *call.Call, text string) (grant.Token, error) {
	token, err := p.Grants.Token(ctx, c.Region, text)
	if errors.Is(err, grant.ErrToken) {
		return grant.Token{}, &apierr.Error{Code: apierr.InvalidGrantToken, Message: "The grant token is not valid.", Err: err}
	}
	return token, err
}

// retired is the key, as a key ARN, of the grant whose token a RetireGrant
// request gives; "" for other requests.
func (p *Pipeline) retired(ctx context.Context, c *call.Call, in api.Request) (string, error) {
	r, ok := in.(*api.RetireGrantRequest)
	if !ok || !r.Has(api.RetireGrantGrantToken) {
		return "", nil
	}
	token, err := p.token(ctx, c, r.GrantToken)
	if err != nil {
		return "", err
	}
	return arn.Key(c.Partition, c.Region, token.Account, token.KeyID), nil
}

// retiring tells the question about a RetireGrant what its grant demands, or
// that there is no such grant. Of another account's key that is told to who has
// the grant's token only: unknown and forbidden are the same.
func (p *Pipeline) retiring(ctx context.Context, c *call.Call, r *authz.Request, in *api.RetireGrantRequest) error {
	id, byToken := in.GrantId, in.Has(api.RetireGrantGrantToken)
	told := byToken || r.Key.Account == c.Caller.Account
	if byToken {
		token, err := p.token(ctx, c, in.GrantToken)
		if err != nil {
			return err
		}
		id = token.GrantID
	} else if err := grant.CheckID(id); told && err != nil {
		return err
	}
	g, _, err := p.Grants.Read(ctx, r.Key.Region, r.Key.Account, r.Key.ID, id)
	switch {
	case errors.Is(err, grantdir.ErrNotFound) && told:
		return grant.NotFound(id)
	case errors.Is(err, grantdir.ErrNotFound):
		return authz.Denied(&c.Caller, r.Action, in.KeyId)
	case err != nil:
		return err
	}
	c.GrantID = id
	r.Constraint = authz.Constraint{Type: g.Constraint, Context: grant.Pairs(g)}
	return nil
}
