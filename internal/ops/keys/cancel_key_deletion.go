package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// CancelKeyDeletion ends the waiting period; the key is disabled. It is too
// late once the deletion has begun: the key is not found then.
func (o *Ops) CancelKeyDeletion(ctx context.Context, c *call.Call, _ *api.CancelKeyDeletionRequest) (*api.CancelKeyDeletionResponse, error) {
	k := c.Key()
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, call.ErrConflict
	}
	var row []store.Op
	if k.State == key.PendingDeletion {
		row = []store.Op{{Key: record.DuePath(k.Region, k.DeletionDate, record.JobDelete, k.Account, k.ID), Delete: true}}
	}
	r.State, r.DeletionMs, r.PendingDays = string(key.Disabled), 0, 0
	switch {
	case k.Origin == key.OriginExternal && !r.Imported():
		r.State = string(key.PendingImport)
	case k.Origin == key.OriginAWSKMS && len(r.CurrentMaterial) == 0: // a replica that has not come into being yet, and will
		r.State = string(key.Creating)
	}
	c.ResponseElements = auditedCancel(k.ARN)
	if err := o.write(ctx, c, k, version+1, &r, row...); err != nil {
		return nil, err
	}
	return &api.CancelKeyDeletionResponse{KeyId: k.ARN}, nil
}
