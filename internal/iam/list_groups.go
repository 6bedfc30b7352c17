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

// listGroups shows the account's groups.
type listGroups struct {
	*Config
	pages
	prefix string
}

func (in *listGroups) Decode(d *query.Decoder) {
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.pages.decode(d)
}

func (in *listGroups) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: groupARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listGroups) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	out.Open("Groups")
	err := in.rows(ctx, in.Config, c, record.PrincipalPrefix(record.KindGroup, c.Caller.Account), func(kv store.KV) (bool, error) {
		g, err := identity.OpenGroup(c.Records, kv)
		if err != nil || !strings.HasPrefix(g.Path, in.prefix) {
			return false, err
		}
		out.Open("member")
		writeGroup(out, c, g)
		out.Close("member")
		return true, nil
	})
	out.Close("Groups")
	in.write(out)
	return err
}
