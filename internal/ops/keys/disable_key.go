package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
)

// DisableKey stops every use of the key. When it returns, no request that
// starts later can use the key.
func (o *Ops) DisableKey(ctx context.Context, c *call.Call, _ *api.DisableKeyRequest) error {
	return o.setState(ctx, c, key.Disabled)
}
