package signature

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// Verify checks a signature. It answers true, or KMSInvalidSignatureException:
// never false. A dry run checks it too.
func (o *Ops) Verify(ctx context.Context, c *call.Call, in *api.VerifyRequest) (*api.VerifyResponse, error) {
	t, err := messageType(c.Key().Algorithm(in.SigningAlgorithm), in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	if err := o.Module.Verify(ctx, c.Permit(), in.SigningAlgorithm, t, in.Message, in.Signature); err != nil {
		return nil, err
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	return &api.VerifyResponse{KeyId: c.Key().ARN, SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}
