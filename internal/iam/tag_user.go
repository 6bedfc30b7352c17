package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// tagUser adds tags to a user, or replaces their values.
type tagUser struct {
	*Config
	name  string
	tags  []tag
	found *user
}

func (in *tagUser) Decode(d *query.Decoder) {
	in.name = d.Required("UserName", userName)
	in.tags = requiredTags(d)
}

func (in *tagUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findUser(ctx, c, in.name)
	s.RequestTags = asMap(in.tags)
	return s, err
}

func (in *tagUser) Run(ctx context.Context, c *call.Query, _ *query.XML) (err error) {
	if in.found == nil {
		return noUser(in.name)
	}
	if in.found.Record.Tags, err = withTags(in.found.Record.Tags, in.tags); err != nil {
		return err
	}
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
