package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/query"
)

// listAttachedPolicies is ListAttachedUserPolicies, ListAttachedGroupPolicies and
// ListAttachedRolePolicies.
type listAttachedPolicies struct {
	ofHolder
	pages
	prefix string
}

func (in *listAttachedPolicies) Decode(d *query.Decoder) {
	in.ofHolder.Decode(d)
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.pages.decode(d)
}

func (in *listAttachedPolicies) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	arns := map[string]string{} // by name
	for _, policyARN := range *in.found.attached {
		if _, _, path, name, _ := arn.ParseManagedPolicy(policyARN); strings.HasPrefix(path, in.prefix) {
			arns[name] = policyARN
		}
	}
	names, err := in.names(ctx, in.Config, c, in.found.name, slices.Sorted(maps.Keys(arns)))
	if err != nil {
		return err
	}
	out.Open("AttachedPolicies")
	for _, name := range names {
		out.Open("member")
		out.Text("PolicyName", name)
		out.Text("PolicyArn", arns[name])
		out.Close("member")
	}
	out.Close("AttachedPolicies")
	in.write(out)
	return nil
}
