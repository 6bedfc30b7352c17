package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// createRole makes a role, which its trust policy says who may assume, and which
// may do nothing until a policy says so.
type createRole struct {
	*Config
	path, name, document, description, boundary string
	maxSession                                  int
	tags                                        []tag
	policy                                      *managed // of the boundary
}

func (in *createRole) Decode(d *query.Decoder) {
	in.path = orSlash(d.String("Path", entityPath))
	in.name = d.Required("RoleName", roleName)
	in.document = d.Required("AssumeRolePolicyDocument", policyDocument)
	in.description = d.String("Description", roleDescription)
	in.maxSession = d.Int("MaxSessionDuration", minMaxSession, maxMaxSession, minMaxSession)
	in.boundary = d.String("PermissionsBoundary", policyARNRule)
	in.tags = tagsOf(d)
}

func (in *createRole) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if in.boundary != "" {
		if in.policy, _, err = in.findManaged(ctx, c, in.boundary); err != nil {
			return s, err
		}
	}
	return call.Subject{
		Resource: roleARN(c, in.path, in.name), RequestTags: asMap(in.tags), Tagging: tagging("iam:TagRole", in.tags), Boundary: in.boundary,
	}, nil
}

func (in *createRole) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	tags, err := withTags(nil, in.tags)
	if err != nil {
		return err
	}
	trust, err := in.trust(ctx, c, in.document)
	if err != nil {
		return err
	}
	if in.boundary != "" && in.policy == nil {
		return notAttachable(in.boundary)
	}
	switch old, _, err := in.findRole(ctx, c, in.name); {
	case err != nil:
		return err
	case old != nil:
		return apierr.New(apierr.EntityAlreadyExists, "Role with name %s already exists.", in.name)
	}
	if err := in.quota(ctx, record.PrincipalPrefix(record.KindRole, c.Caller.Account), maxRoles, "RolesPerAccount"); err != nil {
		return err
	}
	r := identity.NewRole(c.Caller.Account, record.Role{
		ID: identity.UniqueID("AROA"), Name: in.name, Path: in.path, CreatedMs: c.Time.UnixMilli(), Boundary: in.boundary, Tags: tags,
		Description: in.description, MaxSessionSeconds: in.maxSession, Trust: trust,
	})
	c.ResponseElements = object("role", object("path", text(in.path), "roleName", text(in.name), "roleId", text(r.Record.ID),
		"arn", text(roleARN(c, in.path, in.name)), "createDate", text(recordTime(r.Record.CreatedMs)), "assumeRolePolicyDocument", text(in.document)))
	var t change
	update(&t, c, r)
	t.bound(c, in.policy, record.KindRole, in.name)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("Role")
	err = in.writeRole(ctx, out, c, &r.Record, true)
	out.Close("Role")
	return err
}
