package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
)

// maxVersions is AWS's quota of a managed policy's versions.
const maxVersions = 5

// createPolicyVersion adds a version to a managed policy, and puts it in force if
// that is asked for.
type createPolicyVersion struct {
	ofManaged
	document   string
	setDefault bool
}

func (in *createPolicyVersion) Decode(d *query.Decoder) {
	in.ofManaged.Decode(d)
	in.document = d.Required("PolicyDocument", policyDocument)
	in.setDefault = d.Bool("SetAsDefault")
}

func (in *createPolicyVersion) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	if err := checkManaged(c, in.document); err != nil {
		return err
	}
	m := &in.found.Record
	if len(m.Versions) >= maxVersions {
		return apierr.New(apierr.LimitExceeded, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
	}
	now := c.Time.UnixMilli()
	m.Latest++
	v := record.ManagedVersion{Number: m.Latest, Document: in.document, CreatedMs: now}
	m.Versions = append(m.Versions, v)
	m.UpdatedMs = now
	if in.setDefault {
		m.Default = v.Number
	}
	isDefault := []byte("false")
	if in.setDefault {
		isDefault = []byte("true")
	}
	c.ResponseElements = object("policyVersion", object("versionId", text(version(v.Number)), "isDefaultVersion", isDefault, "createDate", text(recordTime(now))))
	var t change
	update(&t, c, in.found)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("PolicyVersion")
	writeVersion(out, m, &v, false)
	out.Close("PolicyVersion")
	return nil
}
