package usage

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
)

// GetKeyLastUsage returns the key's last successful use, and since when uses are
// kept.
func (o *Ops) GetKeyLastUsage(ctx context.Context, c *call.Call, _ *api.GetKeyLastUsageRequest) (*api.GetKeyLastUsageResponse, error) {
	k := c.Key()
	out := &api.GetKeyLastUsageResponse{KeyId: k.ARN, KeyCreationDate: k.Created, TrackingStartDate: o.Uses.TrackingStart(k)}
	use, ok, err := o.Uses.Last(ctx, k)
	if err != nil {
		return nil, err
	}
	if ok {
		out.KeyLastUsage = &api.KeyLastUsageData{Operation: use.Operation, Timestamp: use.Time, CloudTrailEventId: use.EventID, KmsRequestId: use.RequestID}
	}
	return out, nil
}
