package signature

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// VerifyMac checks a MAC. It answers true, or KMSInvalidMacException: never
// false. A dry run checks it too.
func (o *Ops) VerifyMac(ctx context.Context, c *call.Call, in *api.VerifyMacRequest) (*api.VerifyMacResponse, error) {
	if err := o.Module.VerifyMac(ctx, c.Permit(), in.MacAlgorithm, in.Message, in.Mac); err != nil {
		return nil, err
	}
	if err := c.EndDryRun(); err != nil {
		return nil, err
	}
	return &api.VerifyMacResponse{KeyId: c.Key().ARN, MacValid: true, MacAlgorithm: in.MacAlgorithm}, nil
}
