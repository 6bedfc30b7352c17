package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/record"
)

// UpdateKeyDescription gives the key another description, which may be empty.
func (o *Ops) UpdateKeyDescription(ctx context.Context, c *call.Call, in *api.UpdateKeyDescriptionRequest) error {
	return o.change(ctx, c, func(r *record.Key) { r.Description = in.Description })
}
