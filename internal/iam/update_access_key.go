package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// updateAccessKey makes an access key active, or inactive: it authenticates
// nothing from the moment of the answer.
type updateAccessKey struct {
	ofUser
	id, status string
}

func (in *updateAccessKey) Decode(d *query.Decoder) {
	in.ofUser.Decode(d)
	in.id = d.Required("AccessKeyId", accessKeyID)
	in.status = d.RequiredEnum("Status", active, inactive)
}

func (in *updateAccessKey) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	_, k, err := in.key(ctx, in.id)
	if err != nil || k.Record.Status == in.status {
		return err
	}
	k.Record.Status = in.status
	var t change
	update(&t, c, k)
	return t.commit(ctx, in.Config, c)
}
