package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// createGroup makes a group, in which nobody is.
type createGroup struct {
	*Config
	path, name string
}

func (in *createGroup) Decode(d *query.Decoder) {
	in.path = orSlash(d.String("Path", entityPath))
	in.name = d.Required("GroupName", groupName)
}

func (in *createGroup) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: groupARN(c, in.path, in.name)}, nil
}

func (in *createGroup) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	g := identity.NewGroup(c.Caller.Account, record.Group{
		ID: identity.UniqueID("AGPA"), Name: in.name, Path: in.path, CreatedMs: c.Time.UnixMilli(),
	})
	switch old, _, err := in.findGroup(ctx, c, in.name); {
	case err != nil:
		return err
	case old != nil:
		return apierr.New(apierr.EntityAlreadyExists, "Group with name %s already exists.", in.name)
	}
	if err := in.quota(ctx, record.PrincipalPrefix(record.KindGroup, c.Caller.Account), maxGroups, "GroupsPerAccount"); err != nil {
		return err
	}
	c.ResponseElements = object("group", object(
		"path", text(g.Record.Path), "groupName", text(g.Record.Name), "groupId", text(g.Record.ID),
		"arn", text(groupARN(c, g.Record.Path, g.Record.Name)), "createDate", text(recordTime(g.Record.CreatedMs))))
	var t change
	update(&t, c, g)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("Group")
	writeGroup(out, c, &g.Record)
	out.Close("Group")
	return nil
}
