package regions

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/ops/metadata"
	"trent/internal/ops/tagset"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// ReplicateKey makes a replica of a multi-Region primary key in another Region.
// It is Creating when it is answered; the row that brings internal/jobs to it is
// written in the same transaction.
func (o *Ops) ReplicateKey(ctx context.Context, c *call.Call, in *api.ReplicateKeyRequest) (*api.ReplicateKeyResponse, error) {
	all, err := o.members(ctx, c)
	if err != nil {
		return nil, err
	}
	k := c.Key()
	region, err := o.region(ctx, c, "ReplicaRegion", in.ReplicaRegion)
	if err != nil {
		return nil, err
	}
	replica, keyPolicy, err := o.replica(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if all.In(in.ReplicaRegion) != nil {
		return nil, apierr.New(apierr.AlreadyExists, "A multi-Region key %s already exists.", replica.ARN)
	}
	if len(all.Members) >= multiregion.MaxMembers {
		return nil, apierr.New(apierr.LimitExceeded, "The key %s is in %d Regions, which is the limit.", k.ARN, multiregion.MaxMembers)
	}
	release, err := o.Quota.Reserve(ctx, in.ReplicaRegion, k.Account, k.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	all.Add(in.ReplicaRegion, region.Records, record.Key{
		CreatedMs: c.Time.UnixMilli(), Spec: string(k.Spec), Usage: string(k.Usage), Origin: string(k.Origin), State: string(key.Creating),
		Description: in.Description, MultiRegion: true, PublicKey: k.PublicKey,
	})
	all.Share()
	replica.ReplicaRegions = all.Primary().Record.ReplicaRegions
	out := &api.ReplicateKeyResponse{ReplicaKeyMetadata: metadata.Of(replica), ReplicaPolicy: keyPolicy.Document, ReplicaTags: in.Tags}
	c.ResponseElements = audited(out)
	cmps, ops, err := all.Writes()
	if err != nil {
		return nil, err
	}
	made, err := o.made(c, region, replica, keyPolicy, metadata.Audited(out.ReplicaKeyMetadata))
	if err != nil {
		return nil, err
	}
	if err := c.Commit(ctx, o.Store, cmps, append(append(ops, made...), all.Due(c.Time))); err != nil {
		return nil, err
	}
	return out, nil
}

// replica is the key to be, and its policy as it will be stored.
func (o *Ops) replica(ctx context.Context, c *call.Call, in *api.ReplicateKeyRequest) (*key.Key, *record.Policy, error) {
	tags, err := tagset.Add(nil, in.Tags, o.Limits.TagsPerKey)
	if err != nil {
		return nil, nil, err
	}
	k := c.Key()
	replica := k.Replica(in.ReplicaRegion)
	replica.Description, replica.Tags, replica.Created = in.Description, tags, c.Time.UTC()
	if !in.Has(api.ReplicateKeyPolicy) {
		return replica, &record.Policy{Document: policy.Default(c.Partition, k.Account)}, nil
	}
	keyPolicy, err := o.Rules.Check(ctx, c, replica, in.Policy, in.BypassPolicyLockoutSafetyCheck)
	return replica, keyPolicy, err
}

// made are the writes of a replica beside its record: its policy, its tags, and
// the CreateKey record in its Region.
func (o *Ops) made(c *call.Call, r *domains.Region, k *key.Key, keyPolicy *record.Policy, shown []byte) ([]store.Op, error) {
	event, err := o.eventIn(c, r, k, func(e *audit.Event) {
		e.Name, e.RequestParameters, e.ResponseElements = api.OpCreateKey.String(), nil, shown
	})
	if err != nil {
		return nil, err
	}
	path := record.PolicyPath(r.Name, k.Account, k.ID)
	value, err := r.Records.Seal(path, record.TypePolicy, 1, keyPolicy)
	if err != nil {
		return nil, err
	}
	ops := []store.Op{event, {Key: path, Value: value}}
	if len(k.Tags) > 0 {
		path := record.TagsPath(r.Name, k.Account, k.ID)
		if value, err = r.Records.Seal(path, record.TypeTags, 1, &record.Tags{Tags: k.Tags}); err != nil {
			return nil, err
		}
		ops = append(ops, store.Op{Key: path, Value: value})
	}
	return ops, nil
}

// audited is what CloudTrail shows of the answer.
func audited(out *api.ReplicateKeyResponse) []byte {
	const name = `{"replicaKeyMetadata":` // in place of {"keyMetadata":
	shown := metadata.Audited(out.ReplicaKeyMetadata)
	return append([]byte(name), shown[len(`{"keyMetadata":`):]...)
}
