package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// deletePermissionsBoundary is DeleteUserPermissionsBoundary and
// DeleteRolePermissionsBoundary. Where there is none it changes nothing.
type deletePermissionsBoundary struct{ ofHolder }

func (in *deletePermissionsBoundary) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if *in.found.boundary == "" {
		return nil
	}
	var t change
	t.unbound(c, *in.found.boundary, in.kind, in.found.name)
	*in.found.boundary = ""
	return in.commit(ctx, c, t.ops...)
}
