package iam

import (
	"context"

	"trent/internal/call"
	"trent/internal/query"
)

// getPolicyVersion shows a version of a managed policy with its document.
type getPolicyVersion struct{ ofVersion }

func (in *getPolicyVersion) Run(_ context.Context, _ *call.Query, out *query.XML) error {
	i, err := in.version()
	if err != nil {
		return err
	}
	out.Open("PolicyVersion")
	writeVersion(out, &in.found.Record, &in.found.Record.Versions[i], true)
	out.Close("PolicyVersion")
	return nil
}
