package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
)

// getInlinePolicy is GetUserPolicy, GetGroupPolicy and GetRolePolicy.
type getInlinePolicy struct {
	ofHolder
	policy string
}

func (in *getInlinePolicy) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.policy = d.Required("PolicyName", policyName)
}

func (in *getInlinePolicy) Run(_ context.Context, _ *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	document, ok := (*in.found.inline)[in.policy]
	if !ok {
		return noInlinePolicy(in.holders, in.policy)
	}
	out.Text(in.parameter, in.found.name)
	out.Text("PolicyName", in.policy)
	out.Document("PolicyDocument", document)
	return nil
}

func noInlinePolicy(of *holders, name string) error {
	return apierr.New(apierr.NoSuchEntity, "The %s policy with name %s cannot be found.", of.word, name)
}
