package iam

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/policy"
	"trent/internal/query"
	"trent/internal/record"
)

// The rules of policies' names and documents.
var (
	policyName     = nameRule(128)
	policyDocument = &query.Rule{Min: 1, Max: 131072, Match: validDocument, Pattern: `[\u0009\u000A\u000D\u0020-\u00FF]+`}
)

// validDocument: the characters that a policy document can have.
func validDocument(s string) bool {
	for _, r := range s {
		if r != '\t' && r != '\n' && r != '\r' && (r < 0x20 || r > 0xff) {
			return false
		}
	}
	return true
}

// checkDocument refuses what is no policy of the kind that check is for.
func checkDocument(c *call.Query, document string, check func(d *policy.Document, partition string) error) (*policy.Document, error) {
	d, err := policy.Parse(document)
	if err == nil {
		err = check(d, c.Partition)
	}
	return d, malformed(err)
}

func malformed(err error) error {
	if e, ok := errors.AsType[*policy.Error](err); ok {
		return apierr.New(apierr.MalformedPolicyDocument, "%s", e.Text)
	}
	return err
}

// trust checks a role's trust policy, and binds it to the principals that it
// names.
func (c *Config) trust(ctx context.Context, q *call.Query, document string) (record.Policy, error) {
	d, err := checkDocument(q, document, policy.CheckTrustPolicy)
	if err != nil {
		return record.Policy{}, err
	}
	if policy.Length(document) > policy.MaxTrustPolicy {
		return record.Policy{}, exceeded("ACLSizePerRole", policy.MaxTrustPolicy)
	}
	bound, missing, err := policy.Bind(ctx, d, c.Identity.Resolve)
	if err == nil && len(missing) > 0 && !c.UnknownPrincipals {
		err = malformed(policy.InvalidPrincipal("AWS", missing[0]))
	}
	return record.Policy{Document: document, Bound: bound}, err
}
