package tags

import (
	"context"
	"maps"
	"slices"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/paging"
	"trent/internal/record"
)

const pageOfTags = 50 // AWS: ListResourceTags, Limit: default and maximum; the shape's is 1000

// ListResourceTags lists the key's tags in the order of their keys.
func (o *Ops) ListResourceTags(ctx context.Context, c *call.Call, in *api.ListResourceTagsRequest) (*api.ListResourceTagsResponse, error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	k := c.Key()
	has, err := o.read(ctx, region, k)
	if err != nil {
		return nil, err
	}
	limit := pageOfTags
	if in.Has(api.ListResourceTagsLimit) {
		limit = min(int(in.Limit), pageOfTags)
	}
	names := slices.Sorted(maps.Keys(has.tags))
	page, next, err := paging.Names(region.Seal, c, record.TagsPath(k.Region, k.Account, k.ID), in.Marker, limit, names)
	if err != nil {
		return nil, err
	}
	out := &api.ListResourceTagsResponse{Tags: make([]api.Tag, len(page)), NextMarker: next, Truncated: next != ""}
	for i, name := range page {
		out.Tags[i] = api.Tag{TagKey: name, TagValue: has.tags[name]}
	}
	return out, nil
}
