package front

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/keydir"
	"trent/internal/optable"
)

// authorizeElsewhere asks what an operation on a multi-Region key needs in the
// other Region that it names: ReplicateKey makes a key there (and tags it), and
// UpdatePrimaryRegion changes the key that is there.
func (p *Pipeline) authorizeElsewhere(ctx context.Context, c *call.Call, in api.Request) error {
	switch in := in.(type) {
	case *api.ReplicateKeyRequest:
		return p.authorizeReplica(ctx, c, in)
	case *api.UpdatePrimaryRegionRequest:
		return p.authorizeNextPrimary(ctx, c, in)
	}
	return nil
}

func (p *Pipeline) authorizeReplica(ctx context.Context, c *call.Call, in *api.ReplicateKeyRequest) error {
	actions := []string{optable.Of(api.OpCreateKey).Actions[0]}
	if len(in.Tags) > 0 {
		actions = append(actions, optable.Of(api.OpTagResource).Actions[0])
	}
	for i, action := range actions {
		r := p.ask(c, action, nil)
		r.Key, r.Region = c.Key().Replica(in.ReplicaRegion), in.ReplicaRegion // nobody's policy is on it yet
		if i > 0 {
			r.Resource = arn.Key(c.Partition, in.ReplicaRegion, c.Caller.Account, "*")
		}
		if _, err := p.Authorizer.Authorize(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// authorizeNextPrimary: whether there is a replica is told by the operation.
func (p *Pipeline) authorizeNextPrimary(ctx context.Context, c *call.Call, in *api.UpdatePrimaryRegionRequest) error {
	k := c.Key()
	if !k.Primary() || in.PrimaryRegion == k.Region || p.Domains.Held(in.PrimaryRegion) == nil {
		return nil
	}
	replica, err := p.Keys.Key(ctx, in.PrimaryRegion, k.Account, k.ID)
	if errors.Is(err, keydir.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := p.ask(c, c.Row.Actions[0], replica)
	r.Region = in.PrimaryRegion
	_, err = p.Authorizer.Authorize(ctx, r)
	return err
}
