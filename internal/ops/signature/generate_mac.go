package signature

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GenerateMac authenticates a message with an HMAC key.
func (o *Ops) GenerateMac(ctx context.Context, c *call.Call, in *api.GenerateMacRequest) (*api.GenerateMacResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	mac, err := o.Module.GenerateMac(ctx, c.Permit(), in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	return &api.GenerateMacResponse{KeyId: c.Key().ARN, Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}
