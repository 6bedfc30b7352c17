package exchange

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Encapsulate makes a shared secret and the ciphertext from which the key's
// owner gets it.
func (o *Ops) Encapsulate(ctx context.Context, c *call.Call, in *api.EncapsulateRequest) (*api.EncapsulateResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	secret, ciphertext, err := o.Module.Encapsulate(ctx, c.Permit(), in.EncapsulationAlgorithm)
	if err != nil {
		return nil, err
	}
	return &api.EncapsulateResponse{
		KeyId: c.Key().ARN, SharedSecret: secret, SharedSecretCiphertextBlob: ciphertext, EncapsulationAlgorithm: in.EncapsulationAlgorithm,
	}, nil
}
