package iam

import (
	"context"
	"slices"

	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/store"
)

// detachPolicy is DetachUserPolicy, DetachGroupPolicy and DetachRolePolicy.
type detachPolicy struct{ attaching }

func (in *detachPolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	i := slices.Index(*in.found.attached, in.arn)
	if i < 0 {
		return noManaged(in.arn)
	}
	_, _, _, name, _ := arn.ParseManagedPolicy(in.arn)
	*in.found.attached = slices.Delete(slices.Clone(*in.found.attached), i, i+1)
	return in.commit(ctx, c, store.Op{Key: in.attachment(c, name, false), Delete: true})
}
