package exchange

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Decapsulate gets the shared secret out of a ciphertext. A wrong ciphertext
// of the right length gives another secret, as FIPS 203 has it. A dry run looks
// at the length too.
func (o *Ops) Decapsulate(ctx context.Context, c *call.Call, in *api.DecapsulateRequest) (*api.DecapsulateResponse, error) {
	secret, err := o.Module.Decapsulate(ctx, c.Permit(), in.EncapsulationAlgorithm, in.SharedSecretCiphertextBlob)
	if err != nil {
		return nil, err
	}
	if err := c.EndDryRun(); err != nil {
		clear(secret)
		return nil, err
	}
	return &api.DecapsulateResponse{KeyId: c.Key().ARN, SharedSecret: secret, EncapsulationAlgorithm: in.EncapsulationAlgorithm}, nil
}
