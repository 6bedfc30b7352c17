package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listRoles shows the account's roles, without their tags and boundaries.
type listRoles struct{ byPath }

func (in *listRoles) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: roleARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listRoles) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	return in.list(ctx, c, out, "Roles", record.KindRole, func(kv store.KV) (string, func() error, error) {
		e, err := identity.OpenRole(c.Records, kv)
		if err != nil {
			return "", nil, err
		}
		return e.Path, func() error {
			return in.writeRole(ctx, out, c, e, false)
		}, nil
	})
}
