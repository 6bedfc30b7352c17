package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
)

// GenerateDataKeyPairWithoutPlaintext makes an asymmetric key pair whose
// private key nobody sees until its ciphertext is decrypted.
func (o *Ops) GenerateDataKeyPairWithoutPlaintext(ctx context.Context, c *call.Call, in *api.GenerateDataKeyPairWithoutPlaintextRequest) (*api.GenerateDataKeyPairWithoutPlaintextResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	material := usedCurrent(c, 0)
	pair, err := o.Module.GenerateDataKeyPair(ctx, c.Permit(), contextHash(in.EncryptionContext), key.Spec(in.KeyPairSpec), false)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyPairWithoutPlaintextResponse{
		PrivateKeyCiphertextBlob: pair.Blob, PublicKey: pair.PublicKey,
		KeyId: c.Key().ARN, KeyPairSpec: in.KeyPairSpec, KeyMaterialId: material.Text,
	}, nil
}
