package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// deleteUser deletes a user who has nothing left: no access keys, no policies,
// no groups.
type deleteUser struct {
	*Config
	name  string
	found *user
}

func (in *deleteUser) Decode(d *query.Decoder) { in.name = d.Required("UserName", userName) }

func (in *deleteUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findUser(ctx, c, in.name)
	return s, err
}

func (in *deleteUser) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if in.found == nil {
		return noUser(in.name)
	}
	u := &in.found.Record
	switch {
	case len(u.AccessKeys) > 0:
		return conflict("delete access keys")
	case len(u.Groups) > 0:
		return conflict("remove users from group")
	case len(u.Inline) > 0:
		return conflict("delete policies")
	case len(u.Attached) > 0:
		return conflict("detach all policies")
	}
	t := change{cmps: []store.Cmp{in.found.Unchanged()}, ops: []store.Op{in.found.Delete()}}
	t.unbound(c, u.Boundary, record.KindUser, u.Name)
	return t.commit(ctx, in.Config, c)
}

// conflict is AWS's refusal to delete what has something left.
func conflict(must string) error {
	return apierr.New(apierr.DeleteConflict, "Cannot delete entity, must %s first.", must)
}
