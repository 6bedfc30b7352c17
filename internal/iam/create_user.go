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
	path, name, boundary string
	tags                 []tag
	policy               *managed // of the boundary
}

func (in *createUser) Decode(d *query.Decoder) {
	in.path = orSlash(d.String("Path", entityPath))
	in.name = d.Required("UserName", newUserName)
	in.boundary = d.String("PermissionsBoundary", policyARNRule)
	in.tags = tagsOf(d)
}

func (in *createUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if in.boundary != "" {
		if in.policy, _, err = in.findManaged(ctx, c, in.boundary); err != nil {
			return s, err
		}
	}
	return call.Subject{Resource: userARN(c, in.path, in.name), RequestTags: asMap(in.tags), Tagging: tagging("iam:TagUser", in.tags), Boundary: in.boundary}, nil
}

func (in *createUser) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	tags, err := withTags(nil, in.tags)
	if err != nil {
		return err
	}
	if in.boundary != "" && in.policy == nil {
		return notAttachable(in.boundary)
	}
	u := identity.NewUser(c.Caller.Account, record.User{
		ID: identity.UniqueID("AIDA"), Name: in.name, Path: in.path, CreatedMs: c.Time.UnixMilli(), Boundary: in.boundary, Tags: tags,
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
	t.bound(c, in.policy, record.KindUser, in.name)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("User")
	writeUser(out, c, &u.Record)
	writeBoundary(out, in.boundary)
	writeTags(out, tags)
	out.Close("User")
	return nil
}
