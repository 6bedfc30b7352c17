package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// setDefaultPolicyVersion puts a version in force for all that have the policy.
type setDefaultPolicyVersion struct{ ofVersion }

func (in *setDefaultPolicyVersion) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	i, err := in.version()
	if err != nil {
		return err
	}
	m := &in.found.Record
	m.Default, m.UpdatedMs = m.Versions[i].Number, c.Time.UnixMilli()
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
