package iam

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/query"
	"trent/internal/record"
)

// createPolicy makes a managed policy, whose first version is in force.
type createPolicy struct {
	*Config
	path, name, document, description string
	tags                              []tag
}

func (in *createPolicy) Decode(d *query.Decoder) {
	in.name = d.Required("PolicyName", policyName)
	in.path = orSlash(d.String("Path", policyPath))
	in.document = d.Required("PolicyDocument", policyDocument)
	in.description = d.String("Description", policyText)
	in.tags = tagsOf(d)
}

func (in *createPolicy) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	self := arn.ManagedPolicy(c.Partition, c.Caller.Account, in.path, in.name)
	return call.Subject{Resource: self, Shown: "policy " + in.name, RequestTags: asMap(in.tags), Tagging: tagging("iam:TagPolicy", in.tags)}, nil
}

func (in *createPolicy) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	tags, err := withTags(nil, in.tags)
	if err != nil {
		return err
	}
	if err := checkManaged(c, in.document); err != nil {
		return err
	}
	switch _, err := in.Identity.ManagedNamed(ctx, c.Caller.Account, in.name); {
	case err == nil:
		return apierr.New(apierr.EntityAlreadyExists, "A policy called %s already exists. Duplicate names are not allowed.", in.name)
	case !errors.Is(err, identity.ErrNoEntity):
		return err
	}
	if err := in.quota(ctx, record.PrincipalPrefix(record.KindManaged, c.Caller.Account), maxPolicies, "PoliciesPerAccount"); err != nil {
		return err
	}
	now := c.Time.UnixMilli()
	m := identity.NewManaged(c.Caller.Account, record.Managed{
		ID: identity.UniqueID("ANPA"), Name: in.name, Path: in.path, CreatedMs: now, UpdatedMs: now, Description: in.description,
		Default: 1, Latest: 1, Versions: []record.ManagedVersion{{Number: 1, Document: in.document, CreatedMs: now}}, Tags: tags,
	})
	c.ResponseElements = object("policy", object("policyName", text(in.name), "policyId", text(m.Record.ID), "arn", text(managedARN(c, &m.Record)),
		"path", text(in.path), "defaultVersionId", text("v1"), "createDate", text(recordTime(now))))
	var t change
	update(&t, c, m)
	if err := t.commit(ctx, in.Config, c); err != nil {
		return err
	}
	out.Open("Policy")
	err = in.writeManaged(ctx, out, c, &m.Record, true)
	out.Close("Policy")
	return err
}

// checkManaged refuses what is no managed policy.
func checkManaged(c *call.Query, document string) error {
	if _, err := checkDocument(c, document, policy.CheckManagedPolicy); err != nil {
		return err
	}
	if policy.Length(document) > policy.MaxManagedPolicy {
		return exceeded("PolicySize", policy.MaxManagedPolicy)
	}
	return nil
}
