package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
)

// EnableKey lets the key be used again. Enabling an enabled key succeeds, and
// is recorded like every call.
func (o *Ops) EnableKey(ctx context.Context, c *call.Call, _ *api.EnableKeyRequest) error {
	return o.setState(ctx, c, key.Enabled)
}
