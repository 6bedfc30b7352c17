package iam_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trent/internal/apierr"
	"trent/internal/identity"
)

// authenticates reports whether an access key would.
func (f *fixture) authenticates(id string) bool {
	f.t.Helper()
	_, err := f.dir.AccessKey(f.t.Context(), id, "")
	if e, ok := errors.AsType[*apierr.Error](err); err != nil && (!ok || e.Code != apierr.UnrecognizedClient) {
		f.t.Fatal(err)
	}
	return err == nil
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "Bob", "Path", "/p/")
	a := f.ok("CreateAccessKey", "UserName", "bob")
	id, secret := a.one("AccessKeyId"), a.one("SecretAccessKey")
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(id) || len(secret) != 40 || a.one("Status") != "Active" || a.one("UserName") != "Bob" {
		t.Error(a.xml)
	}
	ak, err := f.dir.AccessKey(t.Context(), id, "")
	if err != nil || ak.Caller.PrincipalARN != "arn:aws:iam::111122223333:user/p/Bob" || ak.Caller.Type != identity.TypeUser || ak.Caller.UserName != "Bob" {
		t.Fatalf("%+v, %v", ak, err)
	}
	second := f.ok("CreateAccessKey", "UserName", "bob").one("AccessKeyId")
	f.refused(apierr.LimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2", "CreateAccessKey", "UserName", "bob")
	both := []string{id, second}
	slices.Sort(both)
	if got := f.list("AccessKeyId", "ListAccessKeys", "UserName", "bob", "MaxItems", "1"); !slices.Equal(got, both) {
		t.Errorf("%q, want %q", got, both)
	}
	for _, status := range []string{"Inactive", "Inactive", "Active", "Active"} {
		f.ok("UpdateAccessKey", "UserName", "bob", "AccessKeyId", id, "Status", status)
		if f.authenticates(id) != (status == "Active") || !f.authenticates(second) {
			t.Errorf("%s: authenticates %v, the other one %v", status, f.authenticates(id), f.authenticates(second))
		}
	}
	f.ok("CreateUser", "UserName", "eve")
	f.refused(apierr.NoSuchEntity, "The Access Key with id "+id+" cannot be found.", "UpdateAccessKey", "UserName", "eve", "AccessKeyId", id, "Status", "Inactive")
	f.refused(apierr.NoSuchEntity, "The Access Key with id "+id+" cannot be found.", "DeleteAccessKey", "UserName", "eve", "AccessKeyId", id)
	if !f.authenticates(id) {
		t.Error("another user's key was changed")
	}
	f.ok("DeleteAccessKey", "UserName", "bob", "AccessKeyId", id)
	if f.authenticates(id) || !f.authenticates(second) {
		t.Error("not that one was deleted")
	}
	for _, event := range f.events() {
		if strings.Contains(event, secret) {
			t.Errorf("the secret stands in an audit record: %s", event)
		}
	}
}

// TestAccessKeysOfTheCaller: without a name they are the caller's; those of root
// are none of this API's, but listed.
func TestAccessKeysOfTheCaller(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	bob, err := f.dir.Principal(t.Context(), "arn:aws:iam::111122223333:user/bob")
	if err != nil {
		t.Fatal(err)
	}
	id := f.as(bob, "CreateAccessKey").one("AccessKeyId")
	if got := f.as(bob, "ListAccessKeys").all("AccessKeyId"); !slices.Equal(got, []string{id}) {
		t.Errorf("%q", got)
	}
	if a := f.as(bob, "UpdateAccessKey", "AccessKeyId", id, "Status", "Inactive"); a.err != nil {
		t.Error(a.err)
	}
	root, err := f.dir.NewRootKey(t.Context(), identity.Operator{}, account, true)
	if err != nil {
		t.Fatal(err)
	}
	root.Secret.Wipe()
	if a := f.ok("ListAccessKeys"); a.one("AccessKeyId") != root.ID || a.one("UserName") != "" {
		t.Error(a.xml)
	}
	const operators = "Access keys of an account's root user are made and deactivated by the operators of this service (trent account)."
	f.refused(apierr.AccessDenied, operators, "CreateAccessKey")
	f.refused(apierr.AccessDenied, operators, "UpdateAccessKey", "AccessKeyId", root.ID, "Status", "Inactive")
	f.refused(apierr.AccessDenied, operators, "DeleteAccessKey", "AccessKeyId", root.ID)
	if !f.authenticates(root.ID) {
		t.Error("root's access key was changed")
	}
}

// TestLastUsed: of nobody's, another account's and root's keys alike it tells
// nothing.
func TestLastUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob", "Path", "/p/")
	id := f.ok("CreateAccessKey", "UserName", "bob").one("AccessKeyId")
	a := f.ok("GetAccessKeyLastUsed", "AccessKeyId", id)
	if a.one("UserName") != "bob" || a.one("ServiceName") != "N/A" || a.one("Region") != "N/A" || a.one("LastUsedDate") != "" ||
		a.subject.Resource != "arn:aws:iam::111122223333:user/p/bob" || a.subject.Shown != "access key "+id {
		t.Errorf("%s %+v", a.xml, a.subject)
	}
	root, err := f.dir.NewRootKey(t.Context(), identity.Operator{}, account, true)
	if err != nil {
		t.Fatal(err)
	}
	root.Secret.Wipe()
	for _, unknown := range []string{"AKIAAAAAAAAAAAAAAAAA", root.ID} {
		f.refused(apierr.AccessDenied, "User: arn:aws:iam::111122223333:root is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key "+unknown,
			"GetAccessKeyLastUsed", "AccessKeyId", unknown)
	}
	other := f.caller
	other.Account, other.PrincipalARN = "444455556666", "arn:aws:iam::444455556666:root"
	if a := f.as(other, "GetAccessKeyLastUsed", "AccessKeyId", id); a.err == nil || strings.Contains(a.xml, "bob") {
		t.Errorf("another account learns %s", a.xml)
	}
}

// TestChangesAreRecorded: each with its record, in the same transaction, in
// CloudTrail's words.
func TestChangesAreRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	f.ok("CreateGroup", "GroupName", "g")
	id := f.ok("CreateAccessKey", "UserName", "bob").one("AccessKeyId")
	f.ok("AddUserToGroup", "UserName", "bob", "GroupName", "g")
	f.ok("AddUserToGroup", "UserName", "bob", "GroupName", "g") // no change, whose record the pipeline writes
	events := strings.Join(f.events(), "\n")
	for event, want := range map[string]int{
		`"eventSource":"iam.amazonaws.com","eventName":"CreateUser"`: 1, `"eventName":"CreateGroup"`: 1, `"eventName":"CreateAccessKey"`: 1, `"eventName":"AddUserToGroup"`: 1,
		`"responseElements":{"accessKey":{"userName":"bob","accessKeyId":"` + id + `","status":"Active","createDate":`: 1,
		`"readOnly":false`: 5, // CreateAccount is the first
	} {
		if got := strings.Count(events, event); got != want {
			t.Errorf("%s: %d times, want %d:\n%s", event, got, want, events)
		}
	}
}
