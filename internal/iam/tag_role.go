package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// tagRole adds tags to a role, or replaces their values.
type tagRole struct {
	ofRole
	tags []tag
}

func (in *tagRole) Decode(d *query.Decoder) {
	in.ofRole.Decode(d)
	in.tags = requiredTags(d)
}

func (in *tagRole) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	s, err = in.ofRole.Subject(ctx, c)
	s.RequestTags = asMap(in.tags)
	return s, err
}

func (in *tagRole) Run(ctx context.Context, c *call.Query, _ *query.XML) (err error) {
	if err := in.there(); err != nil {
		return err
	}
	if in.found.Record.Tags, err = withTags(in.found.Record.Tags, in.tags); err != nil {
		return err
	}
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
