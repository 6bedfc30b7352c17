package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listUsers shows the account's users, without their tags.
type listUsers struct{ byPath }

func (in *listUsers) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: userARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listUsers) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	return in.list(ctx, c, out, "Users", record.KindUser, func(kv store.KV) (string, func() error, error) {
		e, err := identity.OpenUser(c.Records, kv)
		if err != nil {
			return "", nil, err
		}
		return e.Path, func() error {
			writeUser(out, c, e)
			return nil
		}, nil
	})
}
