package rotation

import (
	"context"
	"time"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/record"
	"trent/internal/rotate"
)

// EnableKeyRotation has the key rotated every so many days, counted from now.
// On a key that is rotated already it changes the period.
func (o *Ops) EnableKeyRotation(ctx context.Context, c *call.Call, in *api.EnableKeyRotationRequest) error {
	if err := rotatable(c.Key()); err != nil {
		return err
	}
	ch, err := o.begin(ctx, c)
	if err != nil {
		return err
	}
	before := ch.Due(&ch.record)
	if ch.record.Rotation == nil {
		ch.record.Rotation = &record.KeyRotation{}
	}
	r := ch.record.Rotation
	r.PeriodDays = rotate.DefaultPeriodDays
	if in.Has(api.EnableKeyRotationRotationPeriodInDays) {
		r.PeriodDays = int(in.RotationPeriodInDays)
	}
	r.Enabled, r.NextMs = true, c.Time.Add(time.Duration(r.PeriodDays)*rotate.Day).UnixMilli()
	ch.reschedule(before)
	return o.commit(ctx, c, ch)
}
