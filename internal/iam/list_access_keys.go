package iam

import (
	"context"
	"errors"
	"slices"
	"time"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
)

// listAccessKeys shows a user's access keys, or the root user's to himself.
type listAccessKeys struct {
	ofUser
	pages
}

func (in *listAccessKeys) Decode(d *query.Decoder) {
	in.ofUser.Decode(d)
	in.pages.decode(d)
}

func (in *listAccessKeys) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.found == nil && in.name != "" {
		return noUser(in.name)
	}
	name, ids := "", []string(nil)
	if in.found != nil {
		name, ids = in.found.Record.Name, in.found.Record.AccessKeys
	} else {
		keys, err := in.Identity.RootKeys(ctx, c.Caller.Account)
		if err != nil {
			return err
		}
		for _, k := range keys {
			ids = append(ids, k.ID)
		}
	}
	ids, err := in.names(ctx, in.Config, c, name, slices.Sorted(slices.Values(ids)))
	if err != nil {
		return err
	}
	out.Open("AccessKeyMetadata")
	for _, id := range ids {
		k, err := in.Identity.StoredKey(ctx, id)
		if errors.Is(err, identity.ErrNoEntity) { // deleted since the user was read
			continue
		}
		if err != nil {
			return err
		}
		out.Open("member")
		out.Optional("UserName", name)
		out.Text("AccessKeyId", id)
		out.Text("Status", k.Record.Status)
		out.Time("CreateDate", time.UnixMilli(k.Record.CreatedMs))
		out.Close("member")
	}
	out.Close("AccessKeyMetadata")
	in.write(out)
	return nil
}
