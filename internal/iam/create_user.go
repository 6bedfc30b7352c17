package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// createUser makes a user, who may do nothing until a policy says so.
type createUser struct {
	*Config
	path, name string
	tags       []tag
}

func (in *createUser) Decode(d *query.Decoder) {
	in.path = orSlash(d.String("Path", entityPath))
	in.name = d.Required("UserName", newUserName)
	in.tags = tagsOf(d)
}

func (in *createUser) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: userARN(c, in.path, in.name), RequestTags: asMap(in.tags)}, nil
}

func (in *createUser) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	tags, err := withTags(nil, in.tags)
	if err != nil {
		return err
	}
	u := identity.NewUser(c.Caller.Account, record.User{
		ID: identity.UniqueID("AIDA"), Name: in.name, Path: in.path, CreatedMs: c.Time.UnixMilli(), Tags: tags,
	})
	switch old, _, err := in.findUser(ctx, c, in.name); {
	case err != nil:
		return err
	case old != nil:
		return apierr.New(apierr.EntityAlreadyExists, "User with name %s already exists.", in.name)
	}
	if err := in.quota(ctx, record.PrincipalPrefix(record.KindUser, c.Caller.Account), maxUsers, "UsersPerAccount"); err != nil {
		return err
	}
	c.ResponseElements = recordUser(c, &u.Record)
	var t change
	update(&t, c, u)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("User")
	writeUser(out, c, &u.Record)
	writeTags(out, tags)
	out.Close("User")
	return nil
}
