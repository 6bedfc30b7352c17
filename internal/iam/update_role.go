package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// updateRole replaces a role's description or the longest duration of its
// sessions. What is not given stays.
type updateRole struct {
	ofRole
	described   bool
	description string
	maxSession  int
}

func (in *updateRole) Decode(d *query.Decoder) {
	in.ofRole.Decode(d)
	in.described = d.Given("Description")
	in.description = d.String("Description", roleDescription)
	in.maxSession = d.Int("MaxSessionDuration", minMaxSession, maxMaxSession, 0)
}

func (in *updateRole) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if in.described {
		in.found.Record.Description = in.description
	}
	if in.maxSession > 0 {
		in.found.Record.MaxSessionSeconds = in.maxSession
	}
	var t change
	update(&t, c, in.found)
	return t.commit(ctx, in.Config, c)
}
