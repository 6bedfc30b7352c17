package policies

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GetKeyPolicy returns the key's policy, byte for byte as it was given.
func (o *Ops) GetKeyPolicy(_ context.Context, c *call.Call, in *api.GetKeyPolicyRequest) (*api.GetKeyPolicyResponse, error) {
	if in.Has(api.GetKeyPolicyPolicyName) && in.PolicyName != defaultName {
		return nil, errNoSuchPolicy()
	}
	return &api.GetKeyPolicyResponse{Policy: c.Key().Policy, PolicyName: defaultName}, nil
}
