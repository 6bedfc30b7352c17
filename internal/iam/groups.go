package iam

import (
	"context"
	"errors"
	"time"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// A group is one that an operation is about.
type group = identity.Entity[record.Group]

// findGroup reads the group that an operation is about; nil if there is none.
func (c *Config) findGroup(ctx context.Context, q *call.Query, name string) (*group, call.Subject, error) {
	g, err := c.Identity.Group(ctx, q.Caller.Account, name)
	if errors.Is(err, identity.ErrNoEntity) {
		return nil, call.Subject{Resource: groupARN(q, "/", name), Shown: "group " + name}, nil
	}
	if err != nil {
		return nil, call.Subject{}, err
	}
	return g, call.Subject{Resource: groupARN(q, g.Record.Path, g.Record.Name), Shown: "group " + name}, nil
}

func noGroup(name string) error {
	return apierr.New(apierr.NoSuchEntity, "The group with name %s cannot be found.", name)
}

func groupARN(q *call.Query, path, name string) string {
	return arn.Group(q.Partition, q.Caller.Account, path, name)
}

// writeGroup writes a group's members.
func writeGroup(out *query.XML, q *call.Query, g *record.Group) {
	out.Text("Path", g.Path)
	out.Text("GroupName", g.Name)
	out.Text("GroupId", g.ID)
	out.Text("Arn", groupARN(q, g.Path, g.Name))
	out.Time("CreateDate", time.UnixMilli(g.CreatedMs))
}
