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
	row := record.DuePath(k.Region, k.DeletionDate, record.JobDelete, k.Account, k.ID)
	r.State, r.DeletionMs = string(key.Disabled), 0
	if k.Origin == key.OriginExternal && !r.Imported() {
		r.State = string(key.PendingImport)
	}
	c.ResponseElements = auditedCancel(k.ARN)
	if err := o.write(ctx, c, k, version+1, &r, store.Op{Key: row, Delete: true}); err != nil {
		return nil, err
	}
	return &api.CancelKeyDeletionResponse{KeyId: k.ARN}, nil
}
