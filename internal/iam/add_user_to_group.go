package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// addUserToGroup lets the group's policies apply to a user. One who is in it
// already is no error.
type addUserToGroup struct{ membership }

func (in *addUserToGroup) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.both(); err != nil || in.has() {
		return err
	}
	if len(in.user.Record.Groups) >= maxGroupsPerUser {
		return exceeded("GroupsPerUser", maxGroupsPerUser)
	}
	return in.set(ctx, c, true)
}
