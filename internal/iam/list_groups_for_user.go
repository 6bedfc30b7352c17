package iam

import (
	"context"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
)

// listGroupsForUser shows the groups that a user is in.
type listGroupsForUser struct {
	*Config
	pages
	name  string
	found *user
}

func (in *listGroupsForUser) Decode(d *query.Decoder) {
	in.name = d.Required("UserName", userName)
	in.pages.decode(d)
}

func (in *listGroupsForUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findUser(ctx, c, in.name)
	return s, err
}

func (in *listGroupsForUser) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.found == nil {
		return noUser(in.name)
	}
	names, err := in.names(ctx, in.Config, c, in.found.Record.ID, slices.Sorted(slices.Values(in.found.Record.Groups)))
	if err != nil {
		return err
	}
	out.Open("Groups")
	for _, name := range names {
		g, _, err := in.findGroup(ctx, c, name)
		if err != nil {
			return err
		}
		if g == nil { // deleted meanwhile
			continue
		}
		out.Open("member")
		writeGroup(out, c, &g.Record)
		out.Close("member")
	}
	out.Close("Groups")
	in.write(out)
	return nil
}
