package iam

import (
	"context"
	"strings"

	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listPolicies shows the account's managed policies. AWS's own are not here.
type listPolicies struct {
	*Config
	pages
	scope, prefix, usage string
	attached             bool
}

func (in *listPolicies) Decode(d *query.Decoder) {
	in.scope = d.Enum("Scope", "All", "AWS", "Local")
	in.attached = d.Bool("OnlyAttached")
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.usage = d.Enum("PolicyUsageFilter", "PermissionsPolicy", "PermissionsBoundary")
	in.pages.decode(d)
}

func (in *listPolicies) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	return call.Subject{Resource: arn.ManagedPolicy(c.Partition, c.Caller.Account, orSlash(in.prefix), ""), Shown: "policy path " + orSlash(in.prefix)}, nil
}

func (in *listPolicies) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	out.Open("Policies")
	err := in.rows(ctx, in.Config, c, record.PrincipalPrefix(record.KindManaged, c.Caller.Account), func(kv store.KV) (bool, error) {
		m, err := identity.OpenManaged(c.Records, kv)
		if err != nil || in.scope == "AWS" || !strings.HasPrefix(m.Path, in.prefix) {
			return false, err
		}
		attached, bounded, err := in.uses(ctx, c, m.Name)
		switch {
		case err != nil:
			return false, err
		case in.usage == "PermissionsPolicy":
			bounded = 0
		case in.usage == "PermissionsBoundary":
			attached = 0
		}
		if (in.attached || in.usage != "") && attached+bounded == 0 {
			return false, nil
		}
		out.Open("member")
		err = in.writeManaged(ctx, out, c, m, false)
		out.Close("member")
		return true, err
	})
	out.Close("Policies")
	in.write(out)
	return err
}
