package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/store"
)

// deletePolicy deletes a managed policy that nothing has, with its one version.
type deletePolicy struct{ ofManaged }

func (in *deletePolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	attached, bounded, err := in.uses(ctx, c, in.found.Record.Name)
	switch {
	case err != nil:
		return err
	case attached+bounded > 0:
		return apierr.New(apierr.DeleteConflict, "Cannot delete a policy attached to entities.")
	case len(in.found.Record.Versions) > 1:
		return apierr.New(apierr.DeleteConflict, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	t := change{cmps: []store.Cmp{in.found.Unchanged()}, ops: []store.Op{in.found.Delete()}}
	return t.commit(ctx, in.Config, c)
}
