package iam_test

import (
	"slices"
	"testing"

	"trent/internal/apierr"
)

// TestBoundaryKey: the condition key iam:PermissionsBoundary is there for the
// actions that AWS's service authorization reference gives it, with the boundary
// that is to be, or else the one that there is.
func TestBoundaryKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const first, second = "arn:aws:iam::" + account + ":policy/first", "arn:aws:iam::" + account + ":policy/second"
	const may = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
	f.ok("CreatePolicy", "PolicyName", "first", "PolicyDocument", may)
	f.ok("CreatePolicy", "PolicyName", "second", "PolicyDocument", may)
	for kind, create := range map[string][]string{"User": nil, "Role": {"AssumeRolePolicyDocument", trust(account)}} {
		name := []string{kind + "Name", "bounded"}
		with := func(more ...string) []string { return append(slices.Clone(name), more...) }
		policy, document := []string{"PolicyName", "p"}, []string{"PolicyDocument", may}
		for _, row := range []struct {
			operation string
			params    []string
			want      string
		}{
			{"Create" + kind, with(append(create, "PermissionsBoundary", first)...), first},
			{"Put" + kind + "Policy", with(append(policy, document...)...), first},
			{"Attach" + kind + "Policy", with("PolicyArn", second), first},
			{"Put" + kind + "PermissionsBoundary", with("PermissionsBoundary", second), second},
			{"Detach" + kind + "Policy", with("PolicyArn", second), second},
			{"Get" + kind + "Policy", with(policy...), ""},
			{"List" + kind + "Policies", name, ""},
			{"ListAttached" + kind + "Policies", name, ""},
			{"Get" + kind, name, ""},
			{"Tag" + kind, with("Tags.member.1.Key", "a", "Tags.member.1.Value", "b"), ""},
			{"Untag" + kind, with("TagKeys.member.1", "a"), ""},
			{"Delete" + kind + "Policy", with(policy...), second},
			{"Delete" + kind + "PermissionsBoundary", name, second},
			{"Put" + kind + "Policy", with(append(policy, document...)...), ""},
			{"Delete" + kind + "Policy", with(policy...), ""},
			{"Delete" + kind, name, ""},
		} {
			if got := f.ok(row.operation, row.params...).subject.Boundary; got != row.want {
				t.Errorf("%s: %q, want %q", row.operation, got, row.want)
			}
		}
	}
}

// TestTagging: whoever makes something with tags needs the permission to tag,
// which who gives none does not.
func TestTagging(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for operation, row := range map[string]struct {
		want   string
		params []string
	}{
		"CreateUser":   {"iam:TagUser", []string{"UserName", "a"}},
		"CreateRole":   {"iam:TagRole", []string{"RoleName", "a", "AssumeRolePolicyDocument", trust(account)}},
		"CreatePolicy": {"iam:TagPolicy", []string{"PolicyName", "a", "PolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`}},
	} {
		if got := f.ok(operation, row.params...).subject.Tagging; got != "" {
			t.Errorf("%s without tags: %s", operation, got)
		}
		row.params[1] = "b"
		if got := f.ok(operation, append(row.params, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")...).subject.Tagging; got != row.want {
			t.Errorf("%s: %s, want %s", operation, got, row.want)
		}
	}
}

// TestPolicyPaths: a path with an empty name in it is none; it would be another
// path than the one that a policy names.
func TestPolicyPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const may = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
	for _, path := range []string{"//", "//a/", "/a//", "/a//b/", "/a", "a/", "/a b/"} {
		f.refused(apierr.Validation, "1 validation error detected: Value '"+path+"' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: "+
			`((/[A-Za-z0-9\.,\+@=_-]+)*)/`, "CreatePolicy", "PolicyName", "p", "Path", path, "PolicyDocument", may)
	}
	for name, path := range map[string]string{"p": "/", "q": "/a/", "r": "/a/b.,+@=_-/"} {
		f.ok("CreatePolicy", "PolicyName", name, "Path", path, "PolicyDocument", may)
	}
}

// TestOneTagKey: which tag keys are the same is one rule, conditions' (policy.Fold):
// the long s is another letter than s, the capital I with a dot is no other than i.
func TestOneTagKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob", "Tags.member.1.Key", "class", "Tags.member.1.Value", "dev", "Tags.member.2.Key", "cla\u017fs", "Tags.member.2.Value", "x")
	f.ok("TagUser", "UserName", "bob", "Tags.member.1.Key", "Cla\u017fs", "Tags.member.1.Value", "y")
	check := func(what string, want ...string) {
		t.Helper()
		tags := f.ok("ListUserTags", "UserName", "bob")
		if got := append(tags.all("Key"), tags.all("Value")...); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("tagged again", "class", "cla\u017fs", "dev", "y")
	f.ok("UntagUser", "UserName", "bob", "TagKeys.member.1", "cla\u017fS")
	check("untagged", "class", "dev")
	f.ok("TagUser", "UserName", "bob", "Tags.member.1.Key", "i", "Tags.member.1.Value", "1")
	f.ok("TagUser", "UserName", "bob", "Tags.member.1.Key", "\u0130", "Tags.member.1.Value", "2")
	check("the same in another form", "class", "i", "dev", "2")
	f.ok("UntagUser", "UserName", "bob", "TagKeys.member.1", "\u0130", "TagKeys.member.2", "CLASS")
	check("untagged all")
}
