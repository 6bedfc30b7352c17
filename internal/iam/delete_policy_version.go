package iam

import (
	"context"
	"slices"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
)

// deletePolicyVersion deletes a version that is not in force.
type deletePolicyVersion struct{ ofVersion }

func (in *deletePolicyVersion) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	i, err := in.version()
	if err != nil {
		return err
	}
	m := &in.found.Record
	if m.Versions[i].Number == m.Default {
		return apierr.New(apierr.DeleteConflict, "Cannot delete the default version of a policy.")
	}
	m.Versions = slices.Delete(m.Versions, i, i+1)
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
