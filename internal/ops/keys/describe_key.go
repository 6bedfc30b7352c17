package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/metadata"
)

// DescribeKey returns the key's metadata.
func (o *Ops) DescribeKey(_ context.Context, c *call.Call, _ *api.DescribeKeyRequest) (*api.DescribeKeyResponse, error) {
	return &api.DescribeKeyResponse{KeyMetadata: metadata.Of(c.Key())}, nil
}
