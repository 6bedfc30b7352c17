package iam

import (
	"context"
	"strings"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listRoles shows the account's roles, without their tags and boundaries.
type listRoles struct {
	*Config
	pages
	prefix string
}

func (in *listRoles) Decode(d *query.Decoder) {
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.pages.decode(d)
}

func (in *listRoles) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: roleARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listRoles) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	out.Open("Roles")
	err := in.rows(ctx, in.Config, c, record.PrincipalPrefix(record.KindRole, c.Caller.Account), func(kv store.KV) (bool, error) {
		r, err := identity.OpenRole(c.Records, kv)
		if err != nil || !strings.HasPrefix(r.Path, in.prefix) {
			return false, err
		}
		out.Open("member")
		err = in.writeRole(ctx, out, c, r, false)
		out.Close("member")
		return true, err
	})
	out.Close("Roles")
	in.write(out)
	return err
}
