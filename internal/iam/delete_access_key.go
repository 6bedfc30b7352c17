package iam

import (
	"context"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// deleteAccessKey deletes an access key of a user.
type deleteAccessKey struct {
	ofUser
	id string
}

func (in *deleteAccessKey) Decode(d *query.Decoder) {
	in.ofUser.Decode(d)
	in.id = d.Required("AccessKeyId", accessKeyID)
}

func (in *deleteAccessKey) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	u, k, err := in.key(ctx, in.id)
	if err != nil {
		return err
	}
	u.Record.AccessKeys = slices.DeleteFunc(u.Record.AccessKeys, func(id string) bool { return id == in.id })
	t := change{cmps: []store.Cmp{k.Unchanged()}, ops: []store.Op{k.Delete(), {Key: record.LastUsedPath(in.id), Delete: true}}}
	update(&t, c, u)
	return t.commit(ctx, in.Config, c)
}
