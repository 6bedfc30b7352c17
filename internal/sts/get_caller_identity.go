package sts

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// getCallerIdentity tells everybody who he is, whatever policies say.
type getCallerIdentity struct{}

func (getCallerIdentity) Decode(*query.Decoder) {}

func (getCallerIdentity) Subject(context.Context, *call.Query) (call.Subject, error) {
	return call.Subject{}, nil
}

func (getCallerIdentity) Run(_ context.Context, c *call.Query, out *query.XML) error {
	out.Text("Arn", c.Caller.PrincipalARN)
	out.Text("UserId", c.Caller.PrincipalID)
	out.Text("Account", c.Caller.Account)
	return nil
}
