package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// getPolicy shows a managed policy, without its documents.
type getPolicy struct{ ofManaged }

func (in *getPolicy) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	out.Open("Policy")
	err := in.writeManaged(ctx, out, c, &in.found.Record, true)
	out.Close("Policy")
	return err
}
