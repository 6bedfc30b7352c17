package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// untagRole takes tags from a role. Those that it does not have are no error.
type untagRole struct {
	ofRole
	keys []string
}

func (in *untagRole) Decode(d *query.Decoder) {
	in.ofRole.Decode(d)
	in.keys = requiredTagKeys(d)
}

func (in *untagRole) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	s, err = in.ofRole.Subject(ctx, c)
	s.TagKeys = in.keys
	return s, err
}

func (in *untagRole) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	in.found.Record.Tags = withoutTags(in.found.Record.Tags, in.keys)
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
