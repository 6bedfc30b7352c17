package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// getGroup shows a group and who is in it.
type getGroup struct {
	*Config
	pages
	name  string
	found *group
}

func (in *getGroup) Decode(d *query.Decoder) {
	in.name = d.Required("GroupName", groupName)
	in.pages.decode(d)
}

func (in *getGroup) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findGroup(ctx, c, in.name)
	return s, err
}

func (in *getGroup) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.found == nil {
		return noGroup(in.name)
	}
	out.Open("Group")
	writeGroup(out, c, &in.found.Record)
	out.Close("Group")
	out.Open("Users")
	prefix := memberPrefix(c, in.found)
	err := in.rows(ctx, in.Config, c, prefix, func(kv store.KV) (bool, error) {
		u, _, err := in.findUser(ctx, c, string(kv.Key[len(prefix):]))
		if err != nil || u == nil { // deleted meanwhile
			return false, err
		}
		out.Open("member")
		writeUser(out, c, &u.Record)
		out.Close("member")
		return true, nil
	})
	out.Close("Users")
	in.write(out)
	return err
}

// memberPrefix covers the users of a group.
func memberPrefix(c *call.Query, g *group) []byte {
	return record.MemberPrefix(c.Caller.Account, fold(g.Record.Name))
}
