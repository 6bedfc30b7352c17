package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
)

// removeUserFromGroup ends what addUserToGroup began.
type removeUserFromGroup struct{ membership }

func (in *removeUserFromGroup) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.both(); err != nil {
		return err
	}
	if !in.has() {
		return apierr.New(apierr.NoSuchEntity, "User %s is not in group %s.", in.userName, in.groupName)
	}
	return in.set(ctx, c, false)
}
