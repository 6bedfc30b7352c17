package grants

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// RevokeGrant ends a grant, for those who administer the key.
func (o *Ops) RevokeGrant(ctx context.Context, c *call.Call, in *api.RevokeGrantRequest) error {
	return o.end(ctx, c, in.GrantId)
}
