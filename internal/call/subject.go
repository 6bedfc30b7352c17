package call

import (
	"maps"
	"slices"
	"strings"

	"trent/internal/policy"
)

// A Subject is what a call of IAM or STS is about, for its authorization.
type Subject struct {
	// Resource is an ARN; empty for an operation without a resource, which only
	// the pattern * covers.
	Resource string
	Shown    string // how a refusal names it; "" is as Resource
	// Values of condition keys; nil and empty ones are absent.
	Tags        map[string]string // aws:ResourceTag, iam:ResourceTag
	RequestTags map[string]string // aws:RequestTag, aws:TagKeys
	TagKeys     []string          // aws:TagKeys, where there are no values
	PolicyARN   string            // iam:PolicyARN
	Boundary    string            // iam:PermissionsBoundary
	// Tagging is the action of a call that gives tags to what it makes. The caller
	// must be permitted that as well; "" if the call gives none.
	Tagging string
}

// Values implements policy.Context for the condition keys of IAM's, whose names
// are in lower case.
func (s *Subject) Values(name string) policy.Values {
	family, rest, _ := strings.Cut(name, "/")
	switch family {
	case "aws:resourcetag", "iam:resourcetag":
		return tagValue(s.Tags, rest)
	case "aws:requesttag":
		return tagValue(s.RequestTags, rest)
	case "aws:tagkeys":
		keys := s.TagKeys
		if keys == nil {
			keys = slices.Sorted(maps.Keys(s.RequestTags))
		}
		return policy.Values{Present: len(keys) > 0, Multi: true, Set: keys}
	case "iam:policyarn":
		return policy.Values{Present: s.PolicyARN != "", One: s.PolicyARN}
	case "iam:permissionsboundary":
		return policy.Values{Present: s.Boundary != "", One: s.Boundary}
	}
	return policy.Values{}
}

// tagValue is the value of a tag, whose key is in lower case.
func tagValue(tags map[string]string, lower string) policy.Values {
	for key, value := range tags {
		if policy.Folds(key, lower) {
			return policy.Values{Present: true, One: value}
		}
	}
	return policy.Values{}
}
