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
