package signature

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Sign signs a message, or its digest, with the private key.
func (o *Ops) Sign(ctx context.Context, c *call.Call, in *api.SignRequest) (*api.SignResponse, error) {
	t, err := messageType(c.Key().Algorithm(in.SigningAlgorithm), in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	signature, err := o.Module.Sign(ctx, c.Permit(), in.SigningAlgorithm, t, in.Message)
	if err != nil {
		return nil, err
	}
	return &api.SignResponse{KeyId: c.Key().ARN, Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}
