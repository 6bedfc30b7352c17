package iam

import (
	"context"
	"maps"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
)

// listInlinePolicies is ListUserPolicies, ListGroupPolicies and
// ListRolePolicies: the names of inline policies.
type listInlinePolicies struct {
	ofHolder
	pages
}

func (in *listInlinePolicies) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.pages.decode(d)
}

func (in *listInlinePolicies) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	names, err := in.names(ctx, in.Config, c, in.found.name, slices.Sorted(maps.Keys(*in.found.inline)))
	if err != nil {
		return err
	}
	out.Open("PolicyNames")
	for _, name := range names {
		out.Text("member", name)
	}
	out.Close("PolicyNames")
	in.write(out)
	return nil
}
