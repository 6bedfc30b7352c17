package rotation

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// DisableKeyRotation ends automatic rotation. What was rotated stays, and so does
// the count of on-demand rotations.
func (o *Ops) DisableKeyRotation(ctx context.Context, c *call.Call, _ *api.DisableKeyRotationRequest) error {
	if err := rotatable(c.Key()); err != nil {
		return err
	}
	ch, err := o.begin(ctx, c)
	if err != nil {
		return err
	}
	before := ch.Due(&ch.record)
	if r := ch.record.Rotation; r != nil {
		r.Enabled, r.NextMs, r.PeriodDays = false, 0, 0
	}
	ch.reschedule(before)
	return o.commit(ctx, c, ch)
}
