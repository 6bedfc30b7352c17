package iam

import (
	"maps"
	"slices"
	"strings"

	"trent/internal/apierr"
	"trent/internal/policy"
	"trent/internal/query"
)

// maxTags is AWS's quota of a user's or a role's tags.
const maxTags = 50

// A tag as it was given.
type tag struct{ key, value string }

// tagsOf reads the parameter Tags.
func tagsOf(d *query.Decoder) (tags []tag) {
	d.Structures("Tags", maxTags, func() {
		tags = append(tags, tag{d.Required("Key", query.TagKey), d.Required("Value", query.TagValue)})
	})
	return tags
}

// requiredTags reads the parameter Tags, which must be there.
func requiredTags(d *query.Decoder) []tag {
	d.RequiredList("Tags")
	return tagsOf(d)
}

// requiredTagKeys reads the parameter TagKeys, which must be there.
func requiredTagKeys(d *query.Decoder) []string {
	d.RequiredList("TagKeys")
	return d.Strings("TagKeys", maxTags, query.TagKey)
}

// asMap is what condition keys see of tags.
func asMap(tags []tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.key] = t.value
	}
	return m
}

// tagging is the action that a call needs besides its own: none without tags.
func tagging(action string, tags []tag) string {
	if len(tags) == 0 {
		return ""
	}
	return action
}

// withTags returns the tags have with others added or replaced. Keys are
// compared without regard to case, as IAM does; the case that was given first
// stays. The errors are AWS's: a key twice, a reserved one, or too many.
func withTags(have map[string]string, add []tag) (map[string]string, error) {
	all := maps.Clone(have)
	if all == nil {
		all = map[string]string{}
	}
	given := map[string]bool{}
	for _, t := range add {
		folded := policy.Fold(t.key)
		if given[folded] {
			return nil, apierr.New(apierr.InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		given[folded] = true
		if strings.HasPrefix(folded, "aws:") {
			return nil, apierr.New(apierr.InvalidInput, "Tag keys that begin with aws: are reserved for system use.")
		}
		key := t.key
		for old := range all {
			if policy.Folds(old, folded) {
				key = old
			}
		}
		all[key] = t.value
	}
	if len(all) > maxTags {
		return nil, apierr.New(apierr.LimitExceeded, "Cannot exceed quota for TagsPerUser: %d", maxTags)
	}
	return all, nil
}

// withoutTags returns the tags have without those of the keys, in whatever case.
func withoutTags(have map[string]string, keys []string) map[string]string {
	left := maps.Clone(have)
	maps.DeleteFunc(left, func(key, _ string) bool {
		return slices.ContainsFunc(keys, func(gone string) bool { return policy.Folds(key, policy.Fold(gone)) })
	})
	return left
}

// writeTags writes the element Tags, sorted; nothing if there are none.
func writeTags(out *query.XML, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	out.Open("Tags")
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		writeTag(out, key, tags[key])
	}
	out.Close("Tags")
}

func writeTag(out *query.XML, key, value string) {
	out.Open("member")
	out.Text("Key", key)
	out.Text("Value", value)
	out.Close("member")
}
