package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/store"
)

// putPermissionsBoundary is PutUserPermissionsBoundary and
// PutRolePermissionsBoundary: what the policy does not allow, the user or role
// cannot do by his own policies.
type putPermissionsBoundary struct {
	ofHolder
	arn    string
	policy *managed
}

func (in *putPermissionsBoundary) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.arn = d.Required("PermissionsBoundary", policyARNRule)
}

func (in *putPermissionsBoundary) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if in.policy, _, err = in.findManaged(ctx, c, in.arn); err != nil {
		return s, err
	}
	s, err = in.ofHolder.Subject(ctx, c)
	s.Boundary = in.arn
	return s, err
}

func (in *putPermissionsBoundary) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if in.policy == nil {
		return notAttachable(in.arn)
	}
	if *in.found.boundary == in.arn {
		return nil
	}
	var t change
	t.unbound(c, *in.found.boundary, in.kind, in.found.name)
	*in.found.boundary = in.arn
	return in.withPolicy(ctx, c, in.policy, append(t.ops, store.Op{Key: in.attachment(c, in.policy.Record.Name, true)})...)
}
