package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
)

// Decrypt opens a ciphertext that Encrypt, ReEncrypt or GenerateDataKey made,
// or that somebody made with an asymmetric key's public key. A dry run opens
// it too, inside the module, unless the ciphertext is ignored.
func (o *Ops) Decrypt(ctx context.Context, c *call.Call, in *api.DecryptRequest) (*api.DecryptResponse, error) {
	source := side{c: c, algorithm: orSymmetric(in.EncryptionAlgorithm), ec: in.EncryptionContext}
	if err := noContext(source.key(), source.ec); err != nil {
		return nil, err
	}
	if c.DryRun {
		if len(in.DryRunModifiers) == 0 {
			if err := o.check(ctx, &source, in.CiphertextBlob); err != nil {
				return nil, err
			}
		}
		return nil, c.EndDryRun()
	}
	out := &api.DecryptResponse{KeyId: c.Key().ARN, EncryptionAlgorithm: source.algorithm}
	var err error
	if c.Key().Spec == key.SymmetricDefault {
		out.KeyMaterialId = usedOf(c, 0, in.CiphertextBlob).Text
		out.Plaintext, err = o.Module.Decrypt(ctx, c.Permit(), contextHash(in.EncryptionContext), in.CiphertextBlob)
	} else {
		out.Plaintext, err = o.Module.PrivateDecrypt(ctx, c.Permit(), source.algorithm, in.CiphertextBlob)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
