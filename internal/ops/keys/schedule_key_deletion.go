package keys

import (
	"context"
	"time"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// waitingPeriodDays is AWS's default of PendingWindowInDays.
const waitingPeriodDays = 30

// ScheduleKeyDeletion stops every use of the key, and has it deleted at the
// end of its waiting period. The row that brings internal/jobs to it is written
// in the same transaction.
func (o *Ops) ScheduleKeyDeletion(ctx context.Context, c *call.Call, in *api.ScheduleKeyDeletionRequest) (*api.ScheduleKeyDeletionResponse, error) {
	k := c.Key()
	days := int32(waitingPeriodDays)
	if in.Has(api.ScheduleKeyDeletionPendingWindowInDays) {
		days = in.PendingWindowInDays
	}
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, call.ErrConflict
	}
	if k.Primary() && len(k.ReplicaRegions) > 0 {
		return o.scheduleAfterReplicas(ctx, c, &r, version, days)
	}
	// The date stands in the record and in the row, in milliseconds.
	date := time.UnixMilli(c.Time.Add(time.Duration(days) * 24 * time.Hour).UnixMilli()).UTC()
	r.State, r.DeletionMs = string(key.PendingDeletion), date.UnixMilli()
	out := &api.ScheduleKeyDeletionResponse{
		KeyId: k.ARN, DeletionDate: date, KeyState: string(key.PendingDeletion), PendingWindowInDays: days,
	}
	c.ResponseElements = auditedSchedule(out)
	row := record.DuePath(k.Region, date, record.JobDelete, k.Account, k.ID)
	if err := o.write(ctx, c, k, version+1, &r, store.Op{Key: row}); err != nil {
		return nil, err
	}
	return out, nil
}

// scheduleAfterReplicas stops every use of a primary key. Its waiting period
// begins when the deletion of its last replica is over, in that transaction.
func (o *Ops) scheduleAfterReplicas(ctx context.Context, c *call.Call, r *record.Key, version uint64, days int32) (*api.ScheduleKeyDeletionResponse, error) {
	k := c.Key()
	r.State, r.PendingDays = string(key.PendingReplicaDeletion), int(days)
	out := &api.ScheduleKeyDeletionResponse{KeyId: k.ARN, KeyState: string(key.PendingReplicaDeletion), PendingWindowInDays: days}
	c.ResponseElements = auditedSchedule(out)
	if err := o.write(ctx, c, k, version+1, r); err != nil {
		return nil, err
	}
	return out, nil
}
