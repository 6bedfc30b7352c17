package iam

import (
	"context"
	"maps"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
)

// listUserTags shows a user's tags, in order of their keys.
type listUserTags struct {
	*Config
	pages
	name  string
	found *user
}

func (in *listUserTags) Decode(d *query.Decoder) {
	in.name = d.Required("UserName", userName)
	in.pages.decode(d)
}

func (in *listUserTags) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findUser(ctx, c, in.name)
	return s, err
}

func (in *listUserTags) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.found == nil {
		return noUser(in.name)
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
