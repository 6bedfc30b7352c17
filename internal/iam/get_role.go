package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// getRole shows a role, and when a session of it was used last.
type getRole struct{ ofRole }

func (in *getRole) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	last, used, err := in.Identity.LastUsed(ctx, in.found.Record.ID)
	if err != nil {
		return err
	}
	out.Open("Role")
	if err := in.writeRole(ctx, out, c, &in.found.Record, true); err != nil {
		return err
	}
	out.Open("RoleLastUsed")
	if used {
		out.Time("LastUsedDate", last.Time)
		out.Text("Region", last.Region)
	}
	out.Close("RoleLastUsed")
	out.Close("Role")
	return nil
}
