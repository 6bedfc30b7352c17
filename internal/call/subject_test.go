package call_test

import (
	"reflect"
	"testing"

	"trent/internal/call"
	"trent/internal/policy"
)

// TestSubjectValues: the condition keys of IAM's, and no others.
func TestSubjectValues(t *testing.T) {
	t.Parallel()
	full := call.Subject{
		Tags: map[string]string{"Team": "a", "Empty": ""}, RequestTags: map[string]string{"B": "2", "A": "1"}, PolicyARN: "arn:p", Boundary: "arn:b",
	}
	one := func(v string) policy.Values { return policy.Values{Present: true, One: v} }
	set := func(v ...string) policy.Values { return policy.Values{Present: true, Multi: true, Set: v} }
	for _, row := range []struct {
		subject call.Subject
		key     string
		want    policy.Values
	}{
		{full, "aws:resourcetag/team", one("a")},
		{full, "iam:resourcetag/team", one("a")},
		{full, "aws:resourcetag/empty", one("")},
		{full, "aws:resourcetag/other", policy.Values{}},
		{full, "aws:resourcetag", policy.Values{}},
		{full, "aws:requesttag/a", one("1")},
		{full, "aws:requesttag/team", policy.Values{}},
		{full, "aws:tagkeys", set("A", "B")},
		{call.Subject{TagKeys: []string{"x"}}, "aws:tagkeys", set("x")},
		{full, "iam:policyarn", one("arn:p")},
		{full, "iam:permissionsboundary", one("arn:b")},
		{full, "aws:principaltag/team", policy.Values{}},
		{call.Subject{}, "iam:policyarn", policy.Values{}},
		{call.Subject{}, "iam:permissionsboundary", policy.Values{}},
		{call.Subject{}, "aws:resourcetag/team", policy.Values{}},
	} {
		if got := row.subject.Values(row.key); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s of %+v: %+v, want %+v", row.key, row.subject, got, row.want)
		}
	}
	if v := (&call.Subject{}).Values("aws:tagkeys"); v.Present {
		t.Errorf("without tags: %+v", v)
	}
}
