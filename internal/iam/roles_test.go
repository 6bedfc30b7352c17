package iam_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/record"
)

const (
	iamARN = "arn:aws:iam::111122223333:"
	// trusting is a trust policy, to be filled in with a principal.
	trusting = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}]}`
)

// trust is a trust policy for one principal.
func trust(principal string) string { return fmt.Sprintf(trusting, principal) }

func TestRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	document := trust(iamARN + "root")
	a := f.ok("CreateRole", "RoleName", "Payroll", "Path", "/app/", "AssumeRolePolicyDocument", document, "Description", "pays",
		"MaxSessionDuration", "7200", "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "hr")
	if !regexp.MustCompile(`^AROA[A-Z2-7]{17}$`).MatchString(a.one("RoleId")) || a.one("Arn") != iamARN+"role/app/Payroll" ||
		a.subject.Resource != iamARN+"role/app/Payroll" || a.subject.RequestTags["Dept"] != "hr" {
		t.Errorf("%s %+v", a.xml, a.subject)
	}
	f.refused(apierr.EntityAlreadyExists, "Role with name PAYROLL already exists.", "CreateRole", "RoleName", "PAYROLL", "AssumeRolePolicyDocument", document)
	got := f.ok("GetRole", "RoleName", "payroll")
	back, err := url.PathUnescape(got.one("AssumeRolePolicyDocument"))
	if err != nil || back != document || got.one("MaxSessionDuration") != "7200" || got.one("Description") != "pays" || got.one("Key") != "Dept" ||
		got.one("RoleName") != "Payroll" || strings.ContainsAny(got.one("AssumeRolePolicyDocument"), `{" +`) {
		t.Error(got.xml)
	}
	f.ok("UpdateRole", "RoleName", "Payroll", "MaxSessionDuration", "3600")
	if got := f.ok("GetRole", "RoleName", "Payroll"); got.one("MaxSessionDuration") != "3600" || got.one("Description") != "pays" {
		t.Error(got.xml)
	}
	f.ok("UpdateRole", "RoleName", "Payroll", "Description", "")
	f.ok("TagRole", "RoleName", "Payroll", "Tags.member.1.Key", "dept", "Tags.member.1.Value", "it", "Tags.member.2.Key", "b", "Tags.member.2.Value", "")
	f.ok("UntagRole", "RoleName", "Payroll", "TagKeys.member.1", "B")
	got = f.ok("GetRole", "RoleName", "Payroll")
	if got.one("Key") != "Dept" || got.one("Value") != "it" || got.one("Description") != "" {
		t.Error(got.xml)
	}
	if keys := f.list("Key", "ListRoleTags", "RoleName", "Payroll"); !slices.Equal(keys, []string{"Dept"}) {
		t.Errorf("%q", keys)
	}
	for i := range 7 {
		f.ok("CreateRole", "RoleName", fmt.Sprintf("r%d", i), "AssumeRolePolicyDocument", document)
	}
	want := []string{"Payroll", "r0", "r1", "r2", "r3", "r4", "r5", "r6"}
	if names := f.list("RoleName", "ListRoles", "MaxItems", "3"); !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if names := f.list("RoleName", "ListRoles", "PathPrefix", "/app/"); !slices.Equal(names, want[:1]) {
		t.Errorf("%q", names)
	}
	for _, name := range want {
		f.ok("DeleteRole", "RoleName", name)
	}
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
	for _, operation := range []string{"GetRole", "DeleteRole", "ListRoleTags", "ListRolePolicies", "ListAttachedRolePolicies", "UpdateRole", "DeleteRolePermissionsBoundary"} {
		f.refused(apierr.NoSuchEntity, "The role with name gone cannot be found.", operation, "RoleName", "gone")
	}
}

// TestTrustPolicies: what AWS refuses is refused in its words, and a role is
// bound to the users and roles that its trust policy names.
func TestTrustPolicies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	const malformed = apierr.MalformedPolicyDocument
	for _, bad := range []struct {
		code              apierr.Code
		message, document string
	}{
		{malformed, `Invalid principal in policy: "AWS":"` + iamARN + `user/nobody"`, trust(iamARN + "user/nobody")},
		{malformed, `Invalid principal in policy: "AWS":"` + iamARN + `user/Bob"`, trust(iamARN + "user/Bob")},
		{malformed, `Invalid principal in policy: "AWS":"999988887777"`, trust("999988887777")},
		{malformed, "Has prohibited field Resource", strings.Replace(trust(account), `"Action"`, `"Resource":"*","Action"`, 1)},
		{malformed, "AssumeRole policy may only specify STS AssumeRole actions.", strings.Replace(trust(account), "sts:AssumeRole", "kms:Encrypt", 1)},
		{apierr.LimitExceeded, "Cannot exceed quota for ACLSizePerRole: 2048", strings.Replace(trust(account), `"Statement"`, `"Id":"`+strings.Repeat("x", 2000)+`","Statement"`, 1)},
	} {
		f.refused(bad.code, bad.message, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", bad.document)
	}
	f.ok("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust(iamARN+"user/bob"))
	bound := func() map[string]string {
		r, err := f.dir.Role(t.Context(), account, "r")
		if err != nil {
			t.Fatal(err)
		}
		return r.Record.Trust.Bound
	}
	bob := f.ok("GetUser", "UserName", "bob").one("UserId")
	if got := bound(); len(got) != 1 || got[iamARN+"user/bob"] != bob {
		t.Errorf("bound to %v, want %s", got, bob)
	}
	f.ok("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", trust(account))
	if got := bound(); len(got) != 0 {
		t.Errorf("bound to %v", got)
	}
	f.refused(malformed, `Invalid principal in policy: "AWS":"`+iamARN+`role/x"`, "UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", trust(iamARN+"role/x"))
}

// TestRoleLastUsed: GetRole tells it, and a role that is deleted leaves nothing.
// TestTrustOfWhoIsGone: a trust policy shows the id of who is gone, also when
// another one has his name, and what it shows cannot be put again.
func TestTrustOfWhoIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.ok("CreateUser", "UserName", "bob").one("UserId")
	given := trust(iamARN + "user/bob")
	f.ok("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", given)
	shown := func() string {
		t.Helper()
		document := f.ok("GetRole", "RoleName", "r").one("AssumeRolePolicyDocument")
		if listed := f.ok("ListRoles").one("AssumeRolePolicyDocument"); listed != document {
			t.Errorf("listed as %s", listed)
		}
		text, err := url.PathUnescape(document)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := shown(); got != given {
		t.Errorf("while he is there: %s", got)
	}
	f.ok("DeleteUser", "UserName", "bob")
	for range 2 {
		if got := shown(); got != trust(id) {
			t.Errorf("when he is gone: %s", got)
		}
		f.refused(apierr.MalformedPolicyDocument, `Invalid principal in policy: "AWS":"`+id+`"`, "UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", trust(id))
		f.do("CreateUser", "UserName", "bob")
	}
	f.ok("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", given)
	if got := shown(); got != given {
		t.Errorf("when the other one is meant: %s", got)
	}
}

func TestRoleLastUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.ok("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust(account)).one("RoleId")
	if a := f.ok("GetRole", "RoleName", "r"); !strings.Contains(a.xml, "<RoleLastUsed></RoleLastUsed>") {
		t.Error(a.xml)
	}
	path := record.LastUsedPath(id)
	f.put(path, record.TypeLastUsed, &record.LastUsed{TimeMs: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC).UnixMilli(), Service: "kms", Region: "eu-west-1"})
	if a := f.ok("GetRole", "RoleName", "r"); a.one("LastUsedDate") != "2026-11-23T01:02:03Z" || a.one("Region") != "eu-west-1" {
		t.Error(a.xml)
	}
	f.ok("DeleteRole", "RoleName", "r")
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}

// TestRecordsOfRoles: what the audit trail shows of roles and policies.
func TestRecordsOfRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust(account))
	f.ok("CreatePolicy", "PolicyName", "p", "PolicyDocument", allowing("kms:Encrypt"))
	f.ok("CreatePolicyVersion", "PolicyArn", iamARN+"policy/p", "PolicyDocument", allowing("kms:Decrypt"), "SetAsDefault", "true")
	elements := map[string]string{}
	for _, e := range f.events() {
		var event struct {
			EventName        string
			ResponseElements json.RawMessage
		}
		if err := json.Unmarshal([]byte(e), &event); err != nil {
			t.Fatal(err)
		}
		elements[event.EventName] = string(event.ResponseElements)
	}
	for name, want := range map[string]string{
		"CreateRole":          `^{"role":{"path":"/","roleName":"r","roleId":"AROA\w{17}","arn":"` + iamARN + `role/r","createDate":"[^"]+","assumeRolePolicyDocument":".*sts:AssumeRole.*"}}$`,
		"CreatePolicy":        `^{"policy":{"policyName":"p","policyId":"ANPA\w{17}","arn":"` + iamARN + `policy/p","path":"/","defaultVersionId":"v1","createDate":"[^"]+"}}$`,
		"CreatePolicyVersion": `^{"policyVersion":{"versionId":"v2","isDefaultVersion":true,"createDate":"[^"]+"}}$`,
	} {
		if !regexp.MustCompile(want).MatchString(elements[name]) {
			t.Errorf("%s: %s", name, elements[name])
		}
	}
}
