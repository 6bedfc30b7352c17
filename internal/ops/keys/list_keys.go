package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/ops/paging"
	"trent/internal/record"
)

const listKeysDefault = 100 // AWS: ListKeys, Limit

// ListKeys lists the account's keys in the Region, in the order of their ids.
func (o *Ops) ListKeys(ctx context.Context, c *call.Call, in *api.ListKeysRequest) (*api.ListKeysResponse, error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	limit := listKeysDefault
	if in.Has(api.ListKeysLimit) {
		limit = int(in.Limit)
	}
	prefix := record.KeyPrefix(c.Region, c.Caller.Account)
	page, next, err := paging.List(ctx, o.Store, region.Seal, c, prefix, in.Marker, limit)
	if err != nil {
		return nil, err
	}
	out := &api.ListKeysResponse{Keys: make([]api.KeyListEntry, len(page)), NextMarker: next, Truncated: next != ""}
	for i := range page {
		id := string(page[i].Key[len(prefix):])
		out.Keys[i] = api.KeyListEntry{KeyId: id, KeyArn: arn.Key(c.Partition, c.Region, c.Caller.Account, id)}
	}
	return out, nil
}
