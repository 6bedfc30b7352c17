package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
)

// GenerateDataKeyPair makes an asymmetric key pair for use outside Trent, its
// private key in the clear and under the key.
func (o *Ops) GenerateDataKeyPair(ctx context.Context, c *call.Call, in *api.GenerateDataKeyPairRequest) (*api.GenerateDataKeyPairResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	material := usedCurrent(c, 0)
	pair, err := o.Module.GenerateDataKeyPair(ctx, c.Permit(), contextHash(in.EncryptionContext), key.Spec(in.KeyPairSpec), true)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyPairResponse{
		PrivateKeyPlaintext: pair.PrivateKey, PrivateKeyCiphertextBlob: pair.Blob, PublicKey: pair.PublicKey,
		KeyId: c.Key().ARN, KeyPairSpec: in.KeyPairSpec, KeyMaterialId: material.Text,
	}, nil
}
