package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listGroups shows the account's groups.
type listGroups struct{ byPath }

func (in *listGroups) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: groupARN(c, orSlash(in.prefix), "")}, nil
}

func (in *listGroups) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	return in.list(ctx, c, out, "Groups", record.KindGroup, func(kv store.KV) (string, func() error, error) {
		e, err := identity.OpenGroup(c.Records, kv)
		if err != nil {
			return "", nil, err
		}
		return e.Path, func() error {
			writeGroup(out, c, e)
			return nil
		}, nil
	})
}
