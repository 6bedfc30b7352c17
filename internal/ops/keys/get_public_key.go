package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// GetPublicKey returns an asymmetric key's public key. It stands in the store,
// so the crypto module is not asked.
func (o *Ops) GetPublicKey(_ context.Context, c *call.Call, _ *api.GetPublicKeyRequest) (*api.GetPublicKeyResponse, error) {
	k := c.Key()
	if k.Type() != keyspec.Asymmetric {
		return nil, apierr.New(apierr.UnsupportedOperation, "%s key spec is %s which is not valid for GetPublicKey.", k.ARN, k.Spec)
	}
	if len(k.PublicKey) == 0 { // nothing was ever imported
		return nil, apierr.New(apierr.KMSInvalidState, "%s is pending import.", k.ARN)
	}
	out := &api.GetPublicKeyResponse{
		KeyId: k.ARN, PublicKey: k.PublicKey, KeySpec: string(k.Spec), CustomerMasterKeySpec: string(k.Spec), KeyUsage: string(k.Usage),
	}
	switch k.Usage {
	case key.EncryptDecrypt:
		out.EncryptionAlgorithms = k.Algorithms()
	case key.SignVerify:
		out.SigningAlgorithms = k.Algorithms()
	case key.KeyAgreement:
		out.KeyAgreementAlgorithms = k.Algorithms()
	case key.EncapsulateDecapsulate:
		out.EncapsulationAlgorithms = k.Algorithms()
	}
	return out, nil
}
