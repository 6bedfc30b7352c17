package policies

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/policy"
)

// GetKeyPolicy returns the key's policy, byte for byte as it was given, but for
// principals that are not there any more.
func (o *Ops) GetKeyPolicy(ctx context.Context, c *call.Call, in *api.GetKeyPolicyRequest) (*api.GetKeyPolicyResponse, error) {
	if in.Has(api.GetKeyPolicyPolicyName) && in.PolicyName != defaultName {
		return nil, errNoSuchPolicy()
	}
	k := c.Key()
	shown, err := policy.Show(ctx, k.Policy, k.Rules.Bound(), o.Rules.Principals.Resolve)
	if err != nil {
		return nil, err
	}
	return &api.GetKeyPolicyResponse{Policy: shown, PolicyName: defaultName}, nil
}
