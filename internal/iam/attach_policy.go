package iam

import (
	"context"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/store"
)

// attaching is what AttachPolicy and DetachPolicy are about.
type attaching struct {
	ofHolder
	arn    string
	policy *managed
}

func (in *attaching) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.arn = d.Required("PolicyArn", policyARNRule)
}

func (in *attaching) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if in.policy, _, err = in.findManaged(ctx, c, in.arn); err != nil {
		return s, err
	}
	s, err = in.ofHolder.Subject(ctx, c)
	s.PolicyARN = in.arn
	return s, err
}

// attachPolicy is AttachUserPolicy, AttachGroupPolicy and AttachRolePolicy. To
// attach what is attached changes nothing.
type attachPolicy struct{ attaching }

func (in *attachPolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if in.policy == nil {
		return notAttachable(in.arn)
	}
	attached := *in.found.attached
	if slices.Contains(attached, in.arn) {
		return nil
	}
	if len(attached) >= in.maxAttached {
		return exceeded(in.quotaName, in.maxAttached)
	}
	*in.found.attached = append(slices.Clone(attached), in.arn)
	return in.withPolicy(ctx, c, in.policy, store.Op{Key: in.attachment(c, in.policy.Record.Name, false)})
}

// withPolicy writes the holder and the policy that it is given, unchanged: so it
// cannot be deleted at the same time.
func (in *ofHolder) withPolicy(ctx context.Context, c *call.Query, given *managed, ops ...store.Op) error {
	var t change
	in.found.update(&t, c)
	update(&t, c, given)
	for _, op := range ops {
		t.put(op, nil)
	}
	return t.commit(ctx, in.Config, c)
}
