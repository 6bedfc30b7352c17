package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GenerateDataKeyWithoutPlaintext makes a data key and returns it encrypted
// only; in the clear it never leaves the crypto module.
func (o *Ops) GenerateDataKeyWithoutPlaintext(ctx context.Context, c *call.Call, in *api.GenerateDataKeyWithoutPlaintextRequest) (*api.GenerateDataKeyWithoutPlaintextResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	material := usedCurrent(c, 0)
	n := dataKeyBytes(in.KeySpec, in.NumberOfBytes)
	blob, err := o.Module.GenerateDataKeyWithoutPlaintext(ctx, c.Permit(), contextHash(in.EncryptionContext), n)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyWithoutPlaintextResponse{
		CiphertextBlob: blob, KeyId: c.Key().ARN, KeyMaterialId: material.Text,
	}, nil
}
