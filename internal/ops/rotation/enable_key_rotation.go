package rotation

import (
	"context"
	"time"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/keychange"
	"trent/internal/record"
	"trent/internal/rotate"
)

// EnableKeyRotation has the key rotated every so many days, counted from now.
// On a key that is rotated already it changes the period.
func (o *Ops) EnableKeyRotation(ctx context.Context, c *call.Call, in *api.EnableKeyRotationRequest) error {
	if err := rotatable(c.Key()); err != nil {
		return err
	}
	ch, err := keychange.Begin(ctx, c, o.Keys, o.Regions)
	if err != nil {
		return err
	}
	before := ch.Due(&ch.Record)
	if ch.Record.Rotation == nil {
		ch.Record.Rotation = &record.KeyRotation{}
	}
	r := ch.Record.Rotation
	r.PeriodDays = rotate.DefaultPeriodDays
	if in.Has(api.EnableKeyRotationRotationPeriodInDays) {
		r.PeriodDays = int(in.RotationPeriodInDays)
	}
	r.Enabled, r.NextMs = true, c.Time.Add(time.Duration(r.PeriodDays)*rotate.Day).UnixMilli()
	reschedule(ch, before)
	return ch.Commit(ctx, c, o.Store)
}
