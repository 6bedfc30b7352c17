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
	if o.Guard != nil {
		if err := o.Guard(ctx, k); err != nil {
			return nil, err
		}
	}
	rows := Schedule(k, &r, c.Time, int(days))
	out := &api.ScheduleKeyDeletionResponse{KeyId: k.ARN, KeyState: r.State, PendingWindowInDays: days}
	if len(rows) > 0 {
		out.DeletionDate = time.UnixMilli(r.DeletionMs).UTC()
	}
	c.ResponseElements = auditedSchedule(out)
	if err := o.write(ctx, c, k, version+1, &r, rows...); err != nil {
		return nil, err
	}
	return out, nil
}

// Schedule changes a key's record so that no use is allowed any more, and returns
// the row that brings internal/jobs to it. The waiting period of a primary key with
// replicas begins when the deletion of the last one is over, in that transaction:
// it has no row yet.
func Schedule(k *key.Key, r *record.Key, now time.Time, days int) []store.Op {
	if k.Primary() && len(k.ReplicaRegions) > 0 {
		r.State, r.PendingDays = string(key.PendingReplicaDeletion), days
		return nil
	}
	// The date stands in the record and in the row, in milliseconds.
	date := time.UnixMilli(now.Add(time.Duration(days) * 24 * time.Hour).UnixMilli())
	r.State, r.DeletionMs = string(key.PendingDeletion), date.UnixMilli()
	return []store.Op{{Key: record.DuePath(k.Region, date, record.JobDelete, k.Account, k.ID)}}
}
