package tags

import (
	"context"
	"maps"

	"trent/internal/api"
	"trent/internal/call"
)

// UntagResource takes tags from the key. Keys of tags that it does not have
// are no error.
func (o *Ops) UntagResource(ctx context.Context, c *call.Call, in *api.UntagResourceRequest) error {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return err
	}
	was, err := o.read(ctx, region, c.Key())
	if err != nil {
		return err
	}
	tags := maps.Clone(was.tags)
	for _, key := range in.TagKeys {
		delete(tags, key)
	}
	if len(tags) == len(was.tags) {
		return nil
	}
	return o.replace(ctx, c, region, was, tags)
}
