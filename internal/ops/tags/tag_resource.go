package tags

import (
	"context"
	"maps"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/ops/tagset"
)

// TagResource gives the key tags, or tags that it has other values.
func (o *Ops) TagResource(ctx context.Context, c *call.Call, in *api.TagResourceRequest) error {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return err
	}
	was, err := o.read(ctx, region, c.Key())
	if err != nil {
		return err
	}
	tags, err := tagset.Add(was.tags, in.Tags, o.Limits.TagsPerKey)
	if err != nil || maps.Equal(tags, was.tags) {
		return err
	}
	return o.replace(ctx, c, region, was, tags)
}
