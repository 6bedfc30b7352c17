package iam

import (
	"context"
	"maps"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/policy"
	"trent/internal/query"
)

// putPolicy is PutUserPolicy, PutGroupPolicy and PutRolePolicy: it adds an inline
// policy, or replaces the one of that name.
type putPolicy struct {
	ofHolder
	policy, document string
}

func (in *putPolicy) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.policy = d.Required("PolicyName", policyName)
	in.document = d.Required("PolicyDocument", policyDocument)
}

func (in *putPolicy) Run(ctx context.Context, c *call.Query, _ *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if _, err := checkDocument(c, in.document, policy.CheckIdentityPolicy); err != nil {
		return err
	}
	all := maps.Clone(*in.found.inline)
	if all == nil {
		all = map[string]string{}
	}
	all[in.policy] = in.document
	size := 0
	for _, document := range all {
		size += policy.Length(document)
	}
	if size > in.maxInline {
		return apierr.New(apierr.LimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", in.maxInline, in.word, in.found.name)
	}
	*in.found.inline = all
	return in.commit(ctx, c)
}
