package cipher

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GenerateDataKey makes a data key and returns it in the clear and encrypted
// under the key.
func (o *Ops) GenerateDataKey(ctx context.Context, c *call.Call, in *api.GenerateDataKeyRequest) (*api.GenerateDataKeyResponse, error) {
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	material := usedCurrent(c, 0)
	n := dataKeyBytes(in.KeySpec, in.NumberOfBytes)
	plaintext, blob, err := o.Module.GenerateDataKey(ctx, c.Permit(), contextHash(in.EncryptionContext), n)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyResponse{
		CiphertextBlob: blob, Plaintext: plaintext, KeyId: c.Key().ARN, KeyMaterialId: material.Text,
	}, nil
}

// dataKeyBytes is the length of a data key: exactly one of the two is given.
func dataKeyBytes(spec string, numberOfBytes int32) int {
	switch spec {
	case api.DataKeySpecAes128:
		return 16
	case api.DataKeySpecAes256:
		return 32
	default:
		return int(numberOfBytes)
	}
}
