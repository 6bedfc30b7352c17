package iam

import (
	"context"
	"time"

	"trent/internal/call"
	"trent/internal/query"
)

// createAccessKey makes an access key of a user. The crypto module makes its
// secret, which the answer holds and nothing else.
type createAccessKey struct{ ofUser }

func (in *createAccessKey) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	u, err := in.user()
	if err != nil {
		return err
	}
	if len(u.Record.AccessKeys) >= maxAccessKeys {
		return exceeded("AccessKeysPerUser", maxAccessKeys)
	}
	k, secret, err := in.Identity.NewUserKey(ctx, c.Caller.Account, &u.Record, c.Time)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	u.Record.AccessKeys = append(u.Record.AccessKeys, k.Name())
	c.ResponseElements = object("accessKey", object(
		"userName", text(u.Record.Name), "accessKeyId", text(k.Name()), "status", text(active), "createDate", text(recordTime(k.Record.CreatedMs))))
	var t change
	update(&t, c, u)
	update(&t, c, k)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("AccessKey")
	out.Text("UserName", u.Record.Name)
	out.Text("AccessKeyId", k.Name())
	out.Text("Status", active)
	out.Secret("SecretAccessKey", secret.Expose())
	out.Time("CreateDate", time.UnixMilli(k.Record.CreatedMs))
	out.Close("AccessKey")
	return nil
}
