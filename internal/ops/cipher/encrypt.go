package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
)

// Encrypt encrypts up to 4,096 bytes under the key, fewer with an asymmetric
// one.
func (o *Ops) Encrypt(ctx context.Context, c *call.Call, in *api.EncryptRequest) (*api.EncryptResponse, error) {
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	if c.Key().Spec != key.SymmetricDefault {
		return o.publicEncrypt(ctx, c, algorithm, in)
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	usedCurrent(c, 0)
	blob, err := o.Module.Encrypt(ctx, c.Permit(), contextHash(in.EncryptionContext), in.Plaintext)
	if err != nil {
		return nil, err
	}
	return &api.EncryptResponse{CiphertextBlob: blob, KeyId: c.Key().ARN, EncryptionAlgorithm: algorithm}, nil
}

// publicEncrypt is Encrypt with an asymmetric key; its ciphertext is bare.
func (o *Ops) publicEncrypt(ctx context.Context, c *call.Call, algorithm string, in *api.EncryptRequest) (*api.EncryptResponse, error) {
	if err := noContext(c.Key(), in.EncryptionContext); err != nil {
		return nil, err
	}
	if a := c.Key().Algorithm(algorithm); len(in.Plaintext) > a.MaxPlaintextBytes {
		return nil, use.TooLong(c.Key(), a)
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	ciphertext, err := o.Module.PublicEncrypt(ctx, c.Permit(), algorithm, in.Plaintext)
	if err != nil {
		return nil, err
	}
	return &api.EncryptResponse{CiphertextBlob: ciphertext, KeyId: c.Key().ARN, EncryptionAlgorithm: algorithm}, nil
}
