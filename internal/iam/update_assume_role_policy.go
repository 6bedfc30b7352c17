package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// updateAssumeRolePolicy replaces a role's trust policy. Sessions that there are
// stay.
type updateAssumeRolePolicy struct {
	ofRole
	document string
}

func (in *updateAssumeRolePolicy) Decode(d *query.Decoder) {
	in.ofRole.Decode(d)
	in.document = d.Required("PolicyDocument", policyDocument)
}

func (in *updateAssumeRolePolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) (err error) {
	if err := in.there(); err != nil {
		return err
	}
	if in.found.Record.Trust, err = in.trust(ctx, c, in.document); err != nil {
		return err
	}
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
