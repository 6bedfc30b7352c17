package exchange

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// DeriveSharedSecret agrees on a secret with the owner of a public key: the
// raw x-coordinate, for the caller's own key derivation. A dry run derives it
// too, so that it knows whether the public key is good.
func (o *Ops) DeriveSharedSecret(ctx context.Context, c *call.Call, in *api.DeriveSharedSecretRequest) (*api.DeriveSharedSecretResponse, error) {
	secret, err := o.Module.DeriveSharedSecret(ctx, c.Permit(), in.KeyAgreementAlgorithm, in.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := c.EndDryRun(); err != nil {
		clear(secret)
		return nil, err
	}
	k := c.Key()
	return &api.DeriveSharedSecretResponse{
		KeyId: k.ARN, SharedSecret: secret, KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: string(k.Origin),
	}, nil
}
