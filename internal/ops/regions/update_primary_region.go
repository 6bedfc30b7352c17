package regions

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/key"
)

// changing is what the states of the two keys say to a change of the primary.
var changing = key.States{
	Disabled: key.IsDisabled, PendingDeletion: key.IsPendingDeletion, PendingImport: key.IsPendingImport,
	Unavailable: key.IsUnavailable, Creating: key.IsCreating, Updating: key.IsUpdating,
}

// UpdatePrimaryRegion makes a replica the primary, and the primary a replica.
// Both are Updating when it is answered, and usable all the time; internal/jobs
// completes the change. Asking again for a change that is under way is no error.
func (o *Ops) UpdatePrimaryRegion(ctx context.Context, c *call.Call, in *api.UpdatePrimaryRegionRequest) error {
	all, err := o.members(ctx, c)
	if err != nil {
		return err
	}
	k := c.Key()
	region, err := o.region(ctx, c, "PrimaryRegion", in.PrimaryRegion)
	if err != nil {
		return err
	}
	next := all.In(in.PrimaryRegion)
	if next == nil || next.Gone() {
		return apierr.New(apierr.NotFound, "Key '%s' does not exist", arn.Key(k.Partition, in.PrimaryRegion, k.Account, k.ID))
	}
	primary := all.Primary()
	if primary.State() != key.Updating || next.State() != key.Updating {
		if err := changing.Check(k); err != nil {
			return err
		}
		replica := k.Replica(in.PrimaryRegion)
		replica.State = next.State()
		if err := changing.Check(replica); err != nil {
			return err
		}
		primary.Record.State, primary.Record.StateBefore = string(key.Updating), primary.Record.State
		next.Record.State, next.Record.StateBefore = string(key.Updating), next.Record.State
	}
	c.ResponseElements = keyID(k)
	replica := k.Replica(in.PrimaryRegion)
	event, err := o.eventIn(c, region, replica, func(e *audit.Event) { e.ResponseElements = keyID(replica) })
	if err != nil {
		return err
	}
	cmps, ops, err := all.Writes()
	if err != nil {
		return err
	}
	return c.Commit(ctx, o.Store, cmps, append(ops, event, all.Due(c.Time)))
}

func keyID(k *key.Key) []byte {
	return append(awsjson.AppendString([]byte(`{"keyId":`), k.ARN), '}')
}
