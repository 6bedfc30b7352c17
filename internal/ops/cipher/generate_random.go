package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GenerateRandom returns random bytes of the crypto module's generator.
func (o *Ops) GenerateRandom(ctx context.Context, c *call.Call, in *api.GenerateRandomRequest) (*api.GenerateRandomResponse, error) {
	plaintext, err := o.Module.GenerateRandom(ctx, c.Permit(), int(in.NumberOfBytes))
	if err != nil {
		return nil, err
	}
	return &api.GenerateRandomResponse{Plaintext: plaintext}, nil
}
