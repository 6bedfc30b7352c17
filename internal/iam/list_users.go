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

// listUsers shows the account's users, without their tags.
type listUsers struct {
	*Config
	pages
	prefix string
}

func (in *listUsers) Decode(d *query.Decoder) {
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.pages.decode(d)
}

func (in *listUsers) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: userARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listUsers) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	out.Open("Users")
	err := in.rows(ctx, in.Config, c, record.PrincipalPrefix(record.KindUser, c.Caller.Account), func(kv store.KV) (bool, error) {
		u, err := identity.OpenUser(c.Records, kv)
		if err != nil || !strings.HasPrefix(u.Path, in.prefix) {
			return false, err
		}
		out.Open("member")
		writeUser(out, c, u)
		out.Close("member")
		return true, nil
	})
	out.Close("Users")
	in.write(out)
	return err
}

func orSlash(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
