package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Encrypt encrypts up to 4,096 bytes under the key.
func (o *Ops) Encrypt(ctx context.Context, c *call.Call, in *api.EncryptRequest) (*api.EncryptResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	usedCurrent(c, 0)
	blob, err := o.Module.Encrypt(ctx, c.Permit(), contextHash(in.EncryptionContext), in.Plaintext)
	if err != nil {
		return nil, err
	}
	return &api.EncryptResponse{
		CiphertextBlob: blob, KeyId: c.Key().ARN, EncryptionAlgorithm: api.EncryptionAlgorithmSpecSymmetricDefault,
	}, nil
}
