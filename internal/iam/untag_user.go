package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// untagUser takes tags from a user. Those that he does not have are no error.
type untagUser struct {
	*Config
	name  string
	keys  []string
	found *user
}

func (in *untagUser) Decode(d *query.Decoder) {
	in.name = d.Required("UserName", userName)
	in.keys = requiredTagKeys(d)
}

func (in *untagUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findUser(ctx, c, in.name)
	s.TagKeys = in.keys
	return s, err
}

func (in *untagUser) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if in.found == nil {
		return noUser(in.name)
	}
	in.found.Record.Tags = withoutTags(in.found.Record.Tags, in.keys)
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
