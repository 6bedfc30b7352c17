package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// ReEncrypt decrypts under one key and encrypts under another, inside the
// crypto module: the plaintext never comes out of it.
func (o *Ops) ReEncrypt(ctx context.Context, c *call.Call, in *api.ReEncryptRequest) (*api.ReEncryptResponse, error) {
	source, destination := contextHash(in.SourceEncryptionContext), contextHash(in.DestinationEncryptionContext)
	if c.DryRun {
		if len(in.DryRunModifiers) == 0 {
			usedOf(c, 0, in.CiphertextBlob)
			if err := o.Module.CheckCiphertext(ctx, c.Permits[0], source, in.CiphertextBlob); err != nil {
				return nil, err
			}
		}
		return nil, c.EndDryRun()
	}
	from, to := usedOf(c, 0, in.CiphertextBlob), usedCurrent(c, 1)
	blob, err := o.Module.ReEncrypt(ctx, c.Permits[0], source, in.CiphertextBlob, c.Permits[1], destination)
	if err != nil {
		return nil, err
	}
	return &api.ReEncryptResponse{
		CiphertextBlob:                 blob,
		SourceKeyId:                    c.Keys[0].ARN,
		KeyId:                          c.Keys[1].ARN,
		SourceEncryptionAlgorithm:      api.EncryptionAlgorithmSpecSymmetricDefault,
		DestinationEncryptionAlgorithm: api.EncryptionAlgorithmSpecSymmetricDefault,
		SourceKeyMaterialId:            from.Text,
		DestinationKeyMaterialId:       to.Text,
	}, nil
}
