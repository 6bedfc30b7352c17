package iam

import (
	"context"
	"maps"

	"trent/internal/call"
	"trent/internal/query"
)

// deleteInlinePolicy is DeleteUserPolicy, DeleteGroupPolicy and
// DeleteRolePolicy.
type deleteInlinePolicy struct {
	ofHolder
	policy string
}

func (in *deleteInlinePolicy) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.policy = d.Required("PolicyName", policyName)
}

func (in *deleteInlinePolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if _, ok := (*in.found.inline)[in.policy]; !ok {
		return noInlinePolicy(in.holders, in.policy)
	}
	left := maps.Clone(*in.found.inline)
	delete(left, in.policy)
	*in.found.inline = left
	return in.commit(ctx, c)
}
