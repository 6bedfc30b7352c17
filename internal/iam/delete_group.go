package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// deleteGroup deletes a group that nobody is in and that has no policies.
type deleteGroup struct {
	*Config
	name  string
	found *group
}

func (in *deleteGroup) Decode(d *query.Decoder) { in.name = d.Required("GroupName", groupName) }

func (in *deleteGroup) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findGroup(ctx, c, in.name)
	return s, err
}

func (in *deleteGroup) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if in.found == nil {
		return noGroup(in.name)
	}
	prefix := memberPrefix(c, in.found)
	n, _, err := in.Identity.Store.Count(ctx, prefix, record.PrefixEnd(prefix), 1)
	switch {
	case err != nil:
		return err
	case n > 0:
		return conflict("remove users from group")
	case len(in.found.Record.Inline) > 0:
		return conflict("delete policies")
	case len(in.found.Record.Attached) > 0:
		return conflict("detach all policies")
	}
	t := change{cmps: []store.Cmp{in.found.Unchanged()}, ops: []store.Op{in.found.Delete()}}
	return t.commit(ctx, in.Config, c)
}
