package rotation

import (
	"context"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/ops/keychange"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// RotateKeyOnDemand gives the key new material, or has the imported material that
// waits for it become the current one. It does not move automatic rotations.
func (o *Ops) RotateKeyOnDemand(ctx context.Context, c *call.Call, _ *api.RotateKeyOnDemandRequest) (*api.RotateKeyOnDemandResponse, error) {
	k := c.Key()
	if err := onDemand(k, c.Time); err != nil {
		return nil, err
	}
	ch, err := keychange.Begin(ctx, c, o.Keys, o.Regions)
	if err != nil {
		return nil, err
	}
	previous := ch.Record.CurrentMaterial
	next, err := o.next(ctx, c, ch)
	if err != nil {
		return nil, err
	}
	out := &api.RotateKeyOnDemandResponse{KeyId: k.ARN}
	c.ResponseElements = out.AppendJSON(nil)
	if len(k.ReplicaRegions) > 0 { // it is used once all Regions have it
		rotate.Wait(&ch.Record, next, rotate.OnDemand)
		ch.Ops = append(ch.Ops, store.Op{Key: record.DuePath(k.Region, c.Time, record.JobReplicate, k.Account, k.ID)})
		return out, ch.Commit(ctx, c, o.Store)
	}
	rotate.Turn(&ch.Record, next, c.Time, rotate.OnDemand)
	event, err := ch.Event(o.ids.New(), c.Time, string(k.Origin), rotate.OnDemand, previous, next)
	if err != nil {
		return nil, err
	}
	ch.Ops = append(ch.Ops, event)
	return out, ch.Commit(ctx, c, o.Store)
}

// onDemand refuses keys that cannot be rotated on demand, or not now.
func onDemand(k *key.Key, now time.Time) error {
	if k.Spec != key.SymmetricDefault {
		return &apierr.Error{Code: apierr.UnsupportedOperation} // AWS's has no message
	}
	if err := primary(k); err != nil {
		return err
	}
	if k.Rotation.OnDemand >= rotate.MaxOnDemand {
		return apierr.New(apierr.LimitExceeded, "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: %s", k.ARN)
	}
	if rotating(k) != nil {
		return apierr.New(apierr.Conflict, "A rotation of %s is under way.", k.ARN)
	}
	if r := &k.Rotation; r.Enabled && r.Next.Sub(now) <= rotate.Busy {
		return apierr.New(apierr.Conflict, "The automatic rotation of %s is due within %d minutes.", k.ARN, rotate.Busy/time.Minute)
	}
	return nil
}

// rotating returns the material of a multi-Region key that is not in all its
// Regions yet; nil if no rotation is under way.
func rotating(k *key.Key) *key.Material {
	for i := range k.Materials {
		if m := &k.Materials[i]; m.Pending != "" && m.RotatedBy != "" && m.Rotated.IsZero() {
			return m
		}
	}
	return nil
}

// next is the id of the material that the key turns to.
func (o *Ops) next(ctx context.Context, c *call.Call, ch *keychange.Change) ([]byte, error) {
	k := ch.Key
	if k.Origin == key.OriginExternal {
		for i := range k.Materials {
			if m := &k.Materials[i]; m.Pending == api.KeyMaterialStatePendingRotation && len(m.Token) > 0 {
				return m.ID[:], nil
			}
		}
		return nil, apierr.New(apierr.KMSInvalidState, "No available key material pending rotation for the key: %s.", k.ARN)
	}
	made, err := o.Module.CreateKey(ctx, c.Permit(), k.ID, k.Spec, k.Usage, k.MultiRegion)
	if err != nil {
		return nil, err
	}
	ch.Cmps, ch.Ops, err = ch.Add(&ch.Record, &rotate.Material{ID: made.MaterialID, Token: made.Token, Generation: made.Generation}, c.Time)
	return made.MaterialID[:], err
}
