package node_test

import (
	"net/url"
	"strings"
	"testing"

	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/policy"
)

// TestTagsOnCreation: who may make users, roles and policies, but not tag them,
// makes none with tags; nor by another form of a tag's key that he may not give.
func TestTagsOnCreation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.root(ours)
	tag := func(key, value string) []string {
		return []string{"Tags.member.1.Key", key, "Tags.member.1.Value", value}
	}
	eve := f.user(t, ours, "eve")
	root.ok(t, "PutUserPolicy", "UserName", "eve", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:Create*","Resource":"*"},
		{"Effect":"Allow","Action":["iam:TagUser","iam:TagPolicy"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/class":"dev"},"Null":{"iam:PermissionsBoundary":"true"}}}]}`)
	for operation, row := range map[string]struct {
		action, resource string
		params           []string
	}{
		"CreateUser":   {"iam:TagUser", "user/a/x", []string{"UserName", "x", "Path", "/a/"}},
		"CreateRole":   {"iam:TagRole", "role/a/x", []string{"RoleName", "x", "Path", "/a/", "AssumeRolePolicyDocument", trusting(ours)}},
		"CreatePolicy": {"iam:TagPolicy", "policy/a/x", []string{"PolicyName", "x", "Path", "/a/", "PolicyDocument", mayAll}},
	} {
		refusal := "User: " + ourARN + "user/eve is not authorized to perform: " + row.action + " on resource: " + ourARN + row.resource + " because no identity-based policy allows the " + row.action + " action"
		eve.refused(t, "AccessDenied", refusal, operation, append(row.params, tag("class", "admin")...)...)
		eve.refused(t, "AccessDenied", refusal, operation, append(row.params, tag("cla\u017fs", "dev")...)...)
		eve.ok(t, operation, row.params...)
	}
	eve.ok(t, "CreateUser", append(tag("Class", "dev"), "UserName", "y", "PermissionsBoundary", ourARN+"policy/a/x")...)
	root.ok(t, "PutUserPolicy", "UserName", "eve", "PolicyName", "q", "PolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:TagUser","Resource":"*"}}`)
	if got := eve.do("CreateUser", append(tag("class", "dev"), "UserName", "z")...); !strings.HasSuffix(got.message, "with an explicit deny in an identity-based policy") {
		t.Errorf("denied: %s", got.message)
	}
}

// TestNoTagByAnotherName: who may not set a tag that others decide by cannot set
// it under a key that counts as the same.
func TestNoTagByAnotherName(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.root.ok(t, "TagUser", "UserName", "bob", "Tags.member.1.Key", "access", "Tags.member.1.Value", "none")
	c.root.ok(t, "PutUserPolicy", "UserName", "bob", "PolicyName", "p", "PolicyDocument", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:TagUser","Resource":"*"},
		{"Effect":"Deny","Action":"iam:TagUser","Resource":"*","Condition":{"Null":{"aws:RequestTag/access":"false"}}},
		{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/access":"admin"}}}]}`)
	for _, key := range []string{"access", "ACCESS", "acce\u017f\u017f", "ACCE\u017fS", "\u212access"} {
		c.bob.do("TagUser", "UserName", "bob", "Tags.member.1.Key", key, "Tags.member.1.Value", "admin")
		if c.may(t, c.bob) {
			t.Errorf("%q has become access", key)
		}
	}
}

// TestSourceIdentityOfAChain: where a role assumes a role, its own policies must
// allow a source identity too, although the trust policy names it.
func TestSourceIdentityOfAChain(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.root.ok(t, "UpdateAssumeRolePolicy", "RoleName", "second", "PolicyDocument", trusting(firstRole))
	plain, named := c.assume(t, c.bob, firstRole), c.assume(t, c.bob, firstRole, "SourceIdentity", "carol")
	ask := func(who actor, more ...string) string {
		return who.do("AssumeRole", append([]string{"RoleArn", secondRole, "RoleSessionName", "run"}, more...)...).message
	}
	refusal := "User: arn:aws:sts::" + ours + ":assumed-role/first/run is not authorized to perform: sts:SetSourceIdentity on resource: " + secondRole
	for _, row := range []struct{ actions, plain, inherited, given string }{
		{"sts:*", "", "", ""},
		{"sts:SetSourceIdentity", "", "", ""}, // the trust policy is enough for the rest
		{"sts:AssumeRole", "", refusal, refusal},
	} {
		c.root.ok(t, "PutRolePolicy", "RoleName", "first", "PolicyName", "p", "PolicyDocument", allowing(row.actions, "*"))
		if got := [...]string{ask(plain), ask(named), ask(plain, "SourceIdentity", "dave")}; got != [...]string{row.plain, row.inherited, row.given} {
			t.Errorf("%s: %q", row.actions, got)
		}
	}
}

// TestInheritedTagsAreNotRequested: what a chain passes on is no part of the
// request; a trust policy asks for it as tags of the caller.
func TestInheritedTagsAreNotRequested(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	first := c.assume(t, c.bob, firstRole, "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "hr", "TransitiveTagKeys.member.1", "Dept", "SourceIdentity", "carol")
	for condition, may := range map[string]bool{
		`"Null":{"aws:RequestTag/Dept":"true","aws:TagKeys":"true","sts:TransitiveTagKeys":"true","sts:SourceIdentity":"true"}`: true,
		`"StringEquals":{"aws:PrincipalTag/Dept":"hr","aws:SourceIdentity":"carol"}`:                                            true,
		`"StringEquals":{"aws:RequestTag/Dept":"hr"}`:                                                                           false,
	} {
		c.root.ok(t, "UpdateAssumeRolePolicy", "RoleName", "second", "PolicyDocument", trusting(ours, `,"Condition":{`+condition+`}`))
		if got := first.do("AssumeRole", "RoleArn", secondRole, "RoleSessionName", "run"); (got.code == "") != may {
			t.Errorf("%s: %s", condition, got.message)
		}
	}
}

// TestTransitiveByItsName: a tag passes on if its own key is transitive, by the
// rule of conditions.
func TestTransitiveByItsName(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	first := c.assume(t, c.bob, firstRole, "Tags.member.1.Key", "class", "Tags.member.1.Value", "dev",
		"Tags.member.2.Key", "cla\u017fs", "Tags.member.2.Value", "admin", "TransitiveTagKeys.member.1", "CLASS")
	second := c.assume(t, first, secondRole)
	for key, may := range map[string]bool{"class": true, "cla\u017fs": false} {
		c.root.ok(t, "PutRolePolicy", "RoleName", "second", "PolicyName", "p", "PolicyDocument",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Null":{"aws:PrincipalTag/`+strings.ReplaceAll(key, "\u017f", `\u017f`)+`":"false"}}}}`)
		if c.may(t, second) != may {
			t.Errorf("%s has passed on: %v", key, !may)
		}
	}
}

// TestOpenOperations: what needs no permission no policy of the caller's own can
// deny; an endpoint's policy can, which binds everybody.
func TestOpenOperations(t *testing.T) {
	t.Parallel()
	d, err := policy.Parse(`{"Statement":[
		{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:root"}}},
		{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/some","arn:aws:iam::111122223333:user/denied"]},"Action":"sts:GetCallerIdentity","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/all"},"Action":"sts:*","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:user/denied"},"Action":"sts:GetCallerIdentity","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
		c.Endpoints = map[string]*node.Endpoint{"test": {Policy: policy.Compile(d, nil)}}
	})
	root := f.caller(owners)
	for name, want := range map[string][2]string{
		"all":  {"", ""},
		"some": {"", "is not authorized to perform: sts:GetSessionToken on resource: * because no VPC endpoint policy allows the sts:GetSessionToken action"},
		"none": {"because no VPC endpoint policy allows the sts:GetCallerIdentity action", "because no VPC endpoint policy allows the sts:GetSessionToken action"},
		"denied": {"is not authorized to perform: sts:GetCallerIdentity on resource: * with an explicit deny in a VPC endpoint policy",
			"because no VPC endpoint policy allows the sts:GetSessionToken action"},
	} {
		who := root.user(t, name, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
		for i, action := range []string{"GetCallerIdentity", "GetSessionToken"} {
			form := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
			if got := who.query("sts", form.Encode()); (got.code == "") != (want[i] == "") || got.code != "" && got.code != "AccessDenied" || !strings.HasSuffix(got.message, want[i]) {
				t.Errorf("%s by %s: %s %s, want %q", action, name, got.code, got.message, want[i])
			}
		}
	}
}
