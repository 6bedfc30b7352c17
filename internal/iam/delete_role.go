package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// deleteRole deletes a role that has no policies left. Its sessions end with it,
// also if another role gets its name.
type deleteRole struct{ ofRole }

func (in *deleteRole) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	r := &in.found.Record
	switch {
	case len(r.Inline) > 0:
		return conflict("delete policies")
	case len(r.Attached) > 0:
		return conflict("detach all policies")
	}
	t := change{
		cmps: []store.Cmp{in.found.Unchanged()},
		ops:  []store.Op{in.found.Delete(), {Key: record.LastUsedPath(r.ID), Delete: true}},
	}
	t.unbound(c, r.Boundary, record.KindRole, r.Name)
	return t.commit(ctx, in.Config, c)
}
