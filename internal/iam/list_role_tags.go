package iam

import (
	"context"
	"maps"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
)

// listRoleTags shows a role's tags, in order of their keys.
type listRoleTags struct {
	ofRole
	pages
}

func (in *listRoleTags) Decode(d *query.Decoder) {
	in.ofRole.Decode(d)
	in.pages.decode(d)
}

func (in *listRoleTags) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	tags := in.found.Record.Tags
	keys, err := in.names(ctx, in.Config, c, in.found.Record.ID, slices.Sorted(maps.Keys(tags)))
	if err != nil {
		return err
	}
	out.Open("Tags")
	for _, key := range keys {
		writeTag(out, key, tags[key])
	}
	out.Close("Tags")
	in.write(out)
	return nil
}
