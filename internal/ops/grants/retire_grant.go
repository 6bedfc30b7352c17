package grants

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/call"
)

// RetireGrant ends a grant, for those whom it lets do so. The pipeline has found
// its key, by the token or by KeyId.
func (o *Ops) RetireGrant(ctx context.Context, c *call.Call, in *api.RetireGrantRequest) error {
	if !in.Has(api.RetireGrantGrantToken) {
		return o.end(ctx, c, in.GrantId)
	}
	token, err := o.Grants.Token(ctx, c.Region, in.GrantToken)
	if err != nil {
		return err
	}
	if k := c.Key(); token.Account != k.Account || token.KeyID != k.ID {
		return errors.New("grants: the key is not the token's")
	}
	return o.end(ctx, c, token.GrantID)
}
