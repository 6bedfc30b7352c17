package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
)

// listPolicyVersions shows the versions of a managed policy, newest first.
type listPolicyVersions struct {
	ofManaged
	pages
}

func (in *listPolicyVersions) Decode(d *query.Decoder) {
	in.ofManaged.Decode(d)
	in.pages.decode(d)
}

func (in *listPolicyVersions) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	m := &in.found.Record
	newest := map[string]*record.ManagedVersion{} // under what sorts them so
	for i := range m.Versions {
		newest[fmt.Sprintf("%010d", m.Latest-m.Versions[i].Number)] = &m.Versions[i]
	}
	page, err := in.names(ctx, in.Config, c, m.ID, slices.Sorted(maps.Keys(newest)))
	if err != nil {
		return err
	}
	out.Open("Versions")
	for _, name := range page {
		out.Open("member")
		writeVersion(out, m, newest[name], false)
		out.Close("member")
	}
	out.Close("Versions")
	in.write(out)
	return nil
}
