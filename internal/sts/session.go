package sts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
)

// A tag as it was given.
type tag struct{ key, value string }

// maxPacked is how many bytes of session policies and tags a session can have.
// AWS packs them in a form of its own, whose limit is not documented.
const maxPacked = 4096

// session makes what the new credentials carry, with the share of maxPacked in
// percent.
func (in *assumeRole) session(ctx context.Context, c *call.Query) (*record.Session, int, error) {
	caller := c.Caller.Session
	switch {
	case caller != nil && in.duration > maxChained:
		return nil, 0, apierr.New(apierr.Validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case time.Duration(in.duration)*time.Second > in.role.MaxSession:
		return nil, 0, apierr.New(apierr.Validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	s := &record.Session{
		Name: in.name, RoleARN: in.role.ARN, RoleID: in.role.ID, IssuedMs: c.Time.UnixMilli(),
		Policy: in.policy, PolicyARNs: in.policyARNs, SourceIdentity: in.sourceIdentity, Chained: caller != nil,
	}
	if caller != nil && caller.SourceIdentity != "" {
		if s.SourceIdentity != "" && s.SourceIdentity != caller.SourceIdentity {
			return nil, 0, apierr.New(apierr.Validation, "The source identity is already set for this assume role session")
		}
		s.SourceIdentity = caller.SourceIdentity
	}
	if err := in.checkPolicies(ctx, c); err != nil {
		return nil, 0, err
	}
	if err := in.mergeTags(s, caller); err != nil {
		return nil, 0, err
	}
	policies, tags := len(in.policy), 0
	for _, p := range in.policyARNs {
		policies += len(p)
	}
	for key, value := range s.Tags {
		tags += len(key) + len(value)
	}
	packed := percent(policies + tags)
	if packed > 100 {
		what := "policy"
		if tags > policies {
			what = "session tags"
		}
		return nil, 0, apierr.New(apierr.PackedPolicyTooLarge, "Packed size of %s consumes %d%% of allotted space.", what, packed)
	}
	return s, packed, nil
}

// percent rounds up.
func percent(size int) int { return (100*size + maxPacked - 1) / maxPacked }

// checkPolicies checks the session policies: what they do not allow, the session
// cannot do.
func (in *assumeRole) checkPolicies(ctx context.Context, c *call.Query) error {
	if in.policy != "" {
		d, err := policy.Parse(in.policy)
		if err == nil {
			err = policy.CheckIdentityPolicy(d, c.Partition)
		}
		if e, ok := errors.AsType[*policy.Error](err); ok {
			return apierr.New(apierr.MalformedPolicyDocument, "%s", e.Text)
		} else if err != nil {
			return err
		}
	}
	for _, policyARN := range in.policyARNs {
		_, err := in.Identity.Managed(ctx, in.role.Account, policyARN)
		if errors.Is(err, identity.ErrNoEntity) {
			return apierr.New(apierr.MalformedPolicyDocument, "The role's account has no managed policy %s", policyARN)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeTags gives the session the transitive tags of the caller's, which cannot
// be set anew, and those of the request. Keys are the same in any case.
func (in *assumeRole) mergeTags(s *record.Session, caller *identity.Session) error {
	inherited := map[string]bool{}
	s.Tags = map[string]string{}
	if caller != nil {
		s.Transitive = slices.Clone(caller.Transitive)
		for key, value := range caller.Tags {
			if slices.ContainsFunc(caller.Transitive, func(t string) bool { return policy.Folds(key, policy.Fold(t)) }) {
				s.Tags[key] = value
				inherited[policy.Fold(key)] = true
			}
		}
	}
	given := map[string]bool{}
	for _, t := range in.tags {
		key := policy.Fold(t.key)
		switch {
		case given[key]:
			return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case inherited[key]:
			return invalid("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		case strings.HasPrefix(key, "aws:"):
			return invalid("Tag keys that begin with aws: are reserved for system use.")
		}
		given[key] = true
		s.Tags[t.key] = t.value
	}
	for _, key := range in.transitive {
		if !given[policy.Fold(key)] {
			return invalid("The specified transitive tag key must be included in the requested tags.")
		}
		s.Transitive = append(s.Transitive, key)
	}
	if len(s.Tags) > maxTags {
		return invalid("A session has at most 50 tags, those of the calling session that are transitive included.")
	}
	return nil
}

func invalid(text string) error { return apierr.New(apierr.InvalidParameterValue, "%s", text) }
