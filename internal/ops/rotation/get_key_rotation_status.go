package rotation

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/rotate"
)

// GetKeyRotationStatus tells of the automatic rotation; a key that cannot have
// one is told as one that has none, as at AWS. An on-demand rotation is under way
// while a multi-Region key's replicas lack the new material.
func (o *Ops) GetKeyRotationStatus(_ context.Context, c *call.Call, _ *api.GetKeyRotationStatusRequest) (*api.GetKeyRotationStatusResponse, error) {
	k := c.Key()
	out := &api.GetKeyRotationStatusResponse{KeyId: k.ARN}
	if k.Rotation.Enabled && k.State != key.PendingDeletion && k.State != key.PendingReplicaDeletion {
		out.KeyRotationEnabled, out.RotationPeriodInDays, out.NextRotationDate = true, int32(k.Rotation.PeriodDays), k.Rotation.Next
	}
	if m := rotating(k); m != nil && m.RotatedBy == rotate.OnDemand {
		out.OnDemandRotationStartDate = m.Created
	}
	return out, nil
}
