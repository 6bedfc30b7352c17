package iam_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"trent/internal/apierr"
)

// allowing is a policy that allows an action.
func allowing(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`
}

// holders makes a user, a group and a role, and returns the word and the
// parameter of each.
func (f *fixture) holders() map[string][]string {
	f.ok("CreateUser", "UserName", "Bob")
	f.ok("CreateGroup", "GroupName", "Bob")
	f.ok("CreateRole", "RoleName", "Bob", "AssumeRolePolicyDocument", trust(account))
	return map[string][]string{"User": {"UserName", "bob"}, "Group": {"GroupName", "bob"}, "Role": {"RoleName", "bob"}}
}

func TestInlinePolicies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	quota := map[string]int{"User": 2048, "Group": 5120, "Role": 10240}
	for word, who := range f.holders() {
		lower := strings.ToLower(word)
		with := func(more ...string) []string { return append(slices.Clone(who), more...) }
		for i := range 5 {
			f.ok("Put"+word+"Policy", with("PolicyName", fmt.Sprintf("p%d", i), "PolicyDocument", allowing("kms:Encrypt"))...)
		}
		spaced := " {\n" + allowing("kms:Decrypt")[1:] + "\t\n"
		f.ok("Put"+word+"Policy", with("PolicyName", "p2", "PolicyDocument", spaced)...)
		a := f.ok("Get"+word+"Policy", with("PolicyName", "p2")...)
		if document, err := url.PathUnescape(a.one("PolicyDocument")); err != nil || document != spaced || a.one("PolicyName") != "p2" || a.one(who[0]) != "Bob" {
			t.Errorf("%s: %s", word, a.xml)
		}
		if got := f.list("member", "List"+word+"Policies", with("MaxItems", "2")...); !slices.Equal(got, []string{"p0", "p1", "p2", "p3", "p4"}) {
			t.Errorf("%s: %q", word, got)
		}
		f.refused(apierr.DeleteConflict, "Cannot delete entity, must delete policies first.", "Delete"+word, who...)
		long := strings.Replace(allowing("kms:Encrypt"), "kms:Encrypt", "kms:"+strings.Repeat("x", quota[word]-200), 1)
		f.refused(apierr.LimitExceeded, fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s Bob", quota[word], lower),
			"Put"+word+"Policy", with("PolicyName", "long", "PolicyDocument", long)...)
		f.refused(apierr.MalformedPolicyDocument, "Policy document should not specify a principal.",
			"Put"+word+"Policy", with("PolicyName", "p", "PolicyDocument", strings.Replace(allowing("kms:Encrypt"), `"Action"`, `"Principal":"*","Action"`, 1))...)
		for _, operation := range []string{"Get", "Delete"} {
			f.refused(apierr.NoSuchEntity, "The "+lower+" policy with name P0 cannot be found.", operation+word+"Policy", with("PolicyName", "P0")...)
			f.refused(apierr.NoSuchEntity, "The "+lower+" with name x cannot be found.", operation+word+"Policy", who[0], "x", "PolicyName", "p0")
		}
		for i := range 5 {
			f.ok("Delete"+word+"Policy", with("PolicyName", fmt.Sprintf("p%d", i))...)
		}
		f.ok("Delete"+word, who...)
	}
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}

func TestManagedPolicies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.ok("CreatePolicy", "PolicyName", "Keys", "Path", "/div/", "PolicyDocument", allowing("kms:Encrypt"), "Description", "d", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b")
	policy := iamARN + "policy/div/Keys"
	if a.one("Arn") != policy || !strings.HasPrefix(a.one("PolicyId"), "ANPA") || a.one("DefaultVersionId") != "v1" || a.one("AttachmentCount") != "0" || a.one("IsAttachable") != "true" ||
		a.one("Description") != "d" || a.one("Key") != "a" || a.subject.Resource != policy || a.subject.RequestTags["a"] != "b" {
		t.Errorf("%s %+v", a.xml, a.subject)
	}
	f.refused(apierr.EntityAlreadyExists, "A policy called keys already exists. Duplicate names are not allowed.", "CreatePolicy", "PolicyName", "keys", "PolicyDocument", allowing("kms:Encrypt"))
	f.refused(apierr.MalformedPolicyDocument, "Policy document must be version 2012-10-17 or greater.", "CreatePolicy", "PolicyName", "old", "PolicyDocument", strings.Replace(allowing("kms:Encrypt"), `"Version":"2012-10-17",`, "", 1))
	f.refused(apierr.LimitExceeded, "Cannot exceed quota for PolicySize: 6144", "CreatePolicy", "PolicyName", "long", "PolicyDocument", allowing("kms:"+strings.Repeat("x", 6144)))
	for i := 2; i <= 5; i++ {
		got := f.ok("CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", allowing(fmt.Sprintf("kms:V%d", i)), "SetAsDefault", fmt.Sprint(i == 3))
		if got.one("VersionId") != fmt.Sprintf("v%d", i) || got.one("IsDefaultVersion") != fmt.Sprint(i == 3) {
			t.Error(got.xml)
		}
	}
	f.refused(apierr.LimitExceeded, "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
		"CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", allowing("kms:V6"))
	if got := f.list("VersionId", "ListPolicyVersions", "PolicyArn", policy, "MaxItems", "2"); !slices.Equal(got, []string{"v5", "v4", "v3", "v2", "v1"}) {
		t.Errorf("%q", got)
	}
	got := f.ok("GetPolicyVersion", "PolicyArn", policy, "VersionId", "v4")
	if document, err := url.PathUnescape(got.one("Document")); err != nil || document != allowing("kms:V4") || got.one("IsDefaultVersion") != "false" {
		t.Error(got.xml)
	}
	if got := f.ok("GetPolicy", "PolicyArn", policy); got.one("DefaultVersionId") != "v3" {
		t.Error(got.xml)
	}
	f.refused(apierr.DeleteConflict, "Cannot delete the default version of a policy.", "DeletePolicyVersion", "PolicyArn", policy, "VersionId", "v3")
	f.refused(apierr.DeleteConflict, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.", "DeletePolicy", "PolicyArn", policy)
	f.ok("SetDefaultPolicyVersion", "PolicyArn", policy, "VersionId", "v5")
	for i := 1; i <= 4; i++ {
		f.ok("DeletePolicyVersion", "PolicyArn", policy, "VersionId", fmt.Sprintf("v%d", i))
	}
	if got := f.ok("CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", allowing("kms:V6")); got.one("VersionId") != "v6" {
		t.Errorf("a number is used again: %s", got.xml)
	}
	f.ok("DeletePolicyVersion", "PolicyArn", policy, "VersionId", "v6")
	f.refused(apierr.NoSuchEntity, "Policy "+policy+" version v6 does not exist or is not attachable.", "GetPolicyVersion", "PolicyArn", policy, "VersionId", "v6")
	f.refused(apierr.InvalidInput, "ARN "+strings.Repeat("x", 20)+" is not valid.", "GetPolicy", "PolicyArn", strings.Repeat("x", 20))
	for _, gone := range []string{iamARN + "policy/Keys", iamARN + "policy/div/keys", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::999988887777:policy/div/Keys"} {
		f.refused(apierr.NoSuchEntity, "Policy "+gone+" was not found.", "GetPolicy", "PolicyArn", gone)
	}
	f.ok("CreatePolicy", "PolicyName", "other", "PolicyDocument", allowing("kms:Encrypt"))
	if got := f.list("PolicyName", "ListPolicies", "MaxItems", "1"); !slices.Equal(got, []string{"Keys", "other"}) {
		t.Errorf("%q", got)
	}
	if got := f.list("PolicyName", "ListPolicies", "PathPrefix", "/div/"); !slices.Equal(got, []string{"Keys"}) {
		t.Errorf("%q", got)
	}
	if got := f.list("PolicyName", "ListPolicies", "Scope", "AWS"); got != nil {
		t.Errorf("%q", got)
	}
	f.ok("DeletePolicy", "PolicyArn", policy)
	f.ok("DeletePolicy", "PolicyArn", iamARN+"policy/other")
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.holders()
	var policies []string
	for i := range 21 {
		policies = append(policies, f.ok("CreatePolicy", "PolicyName", fmt.Sprintf("p%02d", i), "Path", "/q/", "PolicyDocument", allowing("kms:Encrypt")).one("Arn"))
	}
	policy := policies[3]
	for word, max := range map[string]int{"User": 20, "Group": 10, "Role": 20} {
		with := func(policy string) []string { return append(slices.Clone(who[word]), "PolicyArn", policy) }
		for _, p := range policies[:max] {
			f.ok("Attach"+word+"Policy", with(p)...)
		}
		if a := f.ok("Attach"+word+"Policy", with(policy)...); a.subject.PolicyARN != policy { // again
			t.Errorf("%+v", a.subject)
		}
		f.refused(apierr.LimitExceeded, fmt.Sprintf("Cannot exceed quota for PoliciesPer%s: %d", word, max), "Attach"+word+"Policy", with(policies[20])...)
		if got := f.list("PolicyArn", "ListAttached"+word+"Policies", append(slices.Clone(who[word]), "MaxItems", "7")...); !slices.Equal(got, policies[:max]) {
			t.Errorf("%s: %q", word, got)
		}
		if got := f.list("PolicyArn", "ListAttached"+word+"Policies", append(slices.Clone(who[word]), "PathPrefix", "/z/")...); got != nil {
			t.Errorf("%s: %q", word, got)
		}
		f.refused(apierr.NoSuchEntity, "Policy "+iamARN+"policy/none does not exist or is not attachable.", "Attach"+word+"Policy", with(iamARN+"policy/none")...)
		f.refused(apierr.NoSuchEntity, "Policy "+policies[20]+" was not found.", "Detach"+word+"Policy", with(policies[20])...)
		f.refused(apierr.DeleteConflict, "Cannot delete entity, must detach all policies first.", "Delete"+word, who[word]...)
	}
	if a := f.ok("GetPolicy", "PolicyArn", policy); a.one("AttachmentCount") != "3" || a.one("PermissionsBoundaryUsageCount") != "0" {
		t.Error(a.xml)
	}
	f.refused(apierr.DeleteConflict, "Cannot delete a policy attached to entities.", "DeletePolicy", "PolicyArn", policy)
	if got := f.list("PolicyName", "ListPolicies", "OnlyAttached", "true", "PathPrefix", "/q/"); len(got) != 20 {
		t.Errorf("%q", got)
	}
	entities := f.ok("ListEntitiesForPolicy", "PolicyArn", policy)
	if entities.one("UserName") != "Bob" || entities.one("GroupName") != "Bob" || entities.one("RoleName") != "Bob" {
		t.Error(entities.xml)
	}
	if a := f.ok("ListEntitiesForPolicy", "PolicyArn", policy, "EntityFilter", "Role"); a.one("RoleName") != "Bob" || a.one("UserName") != "" {
		t.Error(a.xml)
	}
	for word, max := range map[string]int{"User": 20, "Group": 10, "Role": 20} {
		for _, p := range policies[:max] {
			f.ok("Detach"+word+"Policy", append(slices.Clone(who[word]), "PolicyArn", p)...)
		}
		f.ok("Delete"+word, who[word]...)
	}
	for _, p := range policies {
		f.ok("DeletePolicy", "PolicyArn", p)
	}
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}

func TestPermissionsBoundaries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.holders()
	first := f.ok("CreatePolicy", "PolicyName", "first", "PolicyDocument", allowing("kms:*")).one("Arn")
	second := f.ok("CreatePolicy", "PolicyName", "second", "PolicyDocument", allowing("kms:*")).one("Arn")
	for _, word := range []string{"User", "Role"} {
		put := func(policy string) []string { return append(slices.Clone(who[word]), "PermissionsBoundary", policy) }
		f.ok("Delete"+word+"PermissionsBoundary", who[word]...) // there is none
		for _, policy := range []string{first, first, second} {
			a := f.ok("Put"+word+"PermissionsBoundary", put(policy)...)
			if got := f.ok("Get"+word, who[word]...); a.subject.Boundary != policy || got.one("PermissionsBoundaryArn") != policy {
				t.Errorf("%s: %s %+v", word, got.xml, a.subject)
			}
		}
		f.refused(apierr.NoSuchEntity, "Policy "+iamARN+"policy/none does not exist or is not attachable.", "Put"+word+"PermissionsBoundary", put(iamARN+"policy/none")...)
	}
	if a := f.ok("GetPolicy", "PolicyArn", second); a.one("PermissionsBoundaryUsageCount") != "2" || a.one("AttachmentCount") != "0" {
		t.Error(a.xml)
	}
	f.ok("DeletePolicy", "PolicyArn", first)
	f.refused(apierr.DeleteConflict, "Cannot delete a policy attached to entities.", "DeletePolicy", "PolicyArn", second)
	if got := f.list("PolicyName", "ListPolicies", "PolicyUsageFilter", "PermissionsBoundary"); !slices.Equal(got, []string{"second"}) {
		t.Errorf("%q", got)
	}
	if a := f.ok("ListEntitiesForPolicy", "PolicyArn", second, "PolicyUsageFilter", "PermissionsBoundary"); a.one("UserName") != "Bob" || a.one("RoleName") != "Bob" {
		t.Error(a.xml)
	}
	f.ok("CreateRole", "RoleName", "bounded", "AssumeRolePolicyDocument", trust(account), "PermissionsBoundary", second)
	f.ok("DeleteRole", "RoleName", "bounded")
	f.ok("DeleteUserPermissionsBoundary", "UserName", "bob")
	f.ok("DeleteUser", "UserName", "bob")
	f.ok("DeleteRole", "RoleName", "bob") // with its boundary
	f.ok("DeleteGroup", "GroupName", "bob")
	f.ok("DeletePolicy", "PolicyArn", second)
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}
