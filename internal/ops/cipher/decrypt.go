package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Decrypt opens a ciphertext that Encrypt, ReEncrypt or GenerateDataKey made.
// A dry run opens it too, inside the module, unless the ciphertext is ignored.
func (o *Ops) Decrypt(ctx context.Context, c *call.Call, in *api.DecryptRequest) (*api.DecryptResponse, error) {
	hash := contextHash(in.EncryptionContext)
	if c.DryRun {
		if len(in.DryRunModifiers) == 0 {
			usedOf(c, 0, in.CiphertextBlob)
			if err := o.Module.CheckCiphertext(ctx, c.Permit(), hash, in.CiphertextBlob); err != nil {
				return nil, err
			}
		}
		return nil, c.EndDryRun()
	}
	material := usedOf(c, 0, in.CiphertextBlob)
	plaintext, err := o.Module.Decrypt(ctx, c.Permit(), hash, in.CiphertextBlob)
	if err != nil {
		return nil, err
	}
	return &api.DecryptResponse{
		KeyId: c.Key().ARN, Plaintext: plaintext, EncryptionAlgorithm: api.EncryptionAlgorithmSpecSymmetricDefault,
		KeyMaterialId: material.Text,
	}, nil
}
