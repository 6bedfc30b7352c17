package rotation

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/keychange"
)

// DisableKeyRotation ends automatic rotation. What was rotated stays, and so does
// the count of on-demand rotations.
func (o *Ops) DisableKeyRotation(ctx context.Context, c *call.Call, _ *api.DisableKeyRotationRequest) error {
	if err := rotatable(c.Key()); err != nil {
		return err
	}
	ch, err := keychange.Begin(ctx, c, o.Keys, o.Regions)
	if err != nil {
		return err
	}
	before := ch.Due(&ch.Record)
	if r := ch.Record.Rotation; r != nil {
		r.Enabled, r.NextMs, r.PeriodDays = false, 0, 0
	}
	reschedule(ch, before)
	return ch.Commit(ctx, c, o.Store)
}
