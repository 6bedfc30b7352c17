package iam_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trent/internal/apierr"
)

func TestCreateUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.ok("CreateUser", "UserName", "Bob", "Path", "/div/a/", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "a b")
	if !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(a.one("UserId")) || a.one("Arn") != "arn:aws:iam::111122223333:user/div/a/Bob" ||
		a.one("UserName") != "Bob" || a.one("Path") != "/div/a/" || a.one("Key") != "Team" || a.one("Value") != "a b" {
		t.Error(a.xml)
	}
	if s := a.subject; s.Resource != "arn:aws:iam::111122223333:user/div/a/Bob" || s.RequestTags["Team"] != "a b" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{"Bob", "bob", "BOB"} {
		f.refused(apierr.EntityAlreadyExists, "User with name "+name+" already exists.", "CreateUser", "UserName", name)
		got := f.ok("GetUser", "UserName", name)
		if got.one("UserId") != a.one("UserId") || got.one("UserName") != "Bob" || got.subject.Resource != "arn:aws:iam::111122223333:user/div/a/Bob" ||
			got.subject.Shown != "user "+name || got.subject.Tags["Team"] != "a b" {
			t.Errorf("%s: %s %+v", name, got.xml, got.subject)
		}
	}
	if plain := f.ok("CreateUser", "UserName", "x"); plain.one("Arn") != "arn:aws:iam::111122223333:user/x" {
		t.Error(plain.xml)
	}
	const name = "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
	const path = "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	for _, bad := range []struct{ message, name, path string }{
		{name, "a/b", "/"}, {name, "a b", "/"}, {name, "ü", "/"}, {path, "a", "x"}, {path, "a", "/x"}, {path, "a", "/ /"},
		{"1 validation error detected: Value '" + strings.Repeat("a", 65) + "' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64", strings.Repeat("a", 65), "/"},
	} {
		f.refused(apierr.Validation, bad.message, "CreateUser", "UserName", bad.name, "Path", bad.path)
	}
	f.refused(apierr.NoSuchEntity, "The user with name nobody cannot be found.", "GetUser", "UserName", "nobody")
}

// TestGetUserOfTheCaller: without a name, of a user and of root.
func TestGetUserOfTheCaller(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	root := f.ok("GetUser")
	if root.one("UserId") != account || root.one("Arn") != "arn:aws:iam::111122223333:root" || root.one("UserName") != "" {
		t.Error(root.xml)
	}
	bob, err := f.dir.Principal(t.Context(), "arn:aws:iam::111122223333:user/bob")
	if err != nil {
		t.Fatal(err)
	}
	if a := f.as(bob, "GetUser"); a.err != nil || a.one("UserName") != "bob" {
		t.Errorf("%s %v", a.xml, a.err)
	}
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var all, ofX []string
	for i := range 7 {
		name, path := fmt.Sprintf("U%d", i), "/"
		if i%2 == 1 {
			path = "/x/" + strings.Repeat("y", i) + "/"
			ofX = append(ofX, name)
		}
		all = append(all, name)
		f.ok("CreateUser", "UserName", name, "Path", path)
	}
	for _, size := range []string{"1", "2", "7", "1000"} {
		if got := f.list("UserName", "ListUsers", "MaxItems", size); !slices.Equal(got, all) {
			t.Errorf("%s a page: %q", size, got)
		}
		if got := f.list("UserName", "ListUsers", "MaxItems", size, "PathPrefix", "/x"); !slices.Equal(got, ofX) {
			t.Errorf("%s a page, of a path: %q", size, got)
		}
	}
	if got := f.list("UserName", "ListUsers", "PathPrefix", "/z"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	marker := f.ok("ListUsers", "MaxItems", "3").one("Marker")
	for _, bad := range []string{"x", marker + "x", marker[:len(marker)-1]} {
		f.refused(apierr.Validation, "Invalid Marker.", "ListUsers", "Marker", bad)
	}
	f.refused(apierr.Validation, "Invalid Marker.", "ListGroups", "Marker", marker)
	f.ok("DeleteUser", "UserName", "u2") // the one that the marker names
	if got := f.ok("ListUsers", "Marker", marker).all("UserName"); !slices.Equal(got, all[3:]) {
		t.Errorf("after the marker: %q", got)
	}
}

// TestDeleteUser: who has something left stays; nothing of who goes is left.
func TestDeleteUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.refused(apierr.NoSuchEntity, "The user with name bob cannot be found.", "DeleteUser", "UserName", "bob")
	id := f.ok("CreateUser", "UserName", "bob").one("UserId")
	f.ok("CreateGroup", "GroupName", "g")
	key := f.ok("CreateAccessKey", "UserName", "bob").one("AccessKeyId")
	f.ok("AddUserToGroup", "UserName", "bob", "GroupName", "g")
	f.refused(apierr.DeleteConflict, "Cannot delete entity, must delete access keys first.", "DeleteUser", "UserName", "bob")
	f.ok("DeleteAccessKey", "UserName", "bob", "AccessKeyId", key)
	f.refused(apierr.DeleteConflict, "Cannot delete entity, must remove users from group first.", "DeleteUser", "UserName", "bob")
	f.refused(apierr.DeleteConflict, "Cannot delete entity, must remove users from group first.", "DeleteGroup", "GroupName", "g")
	f.ok("RemoveUserFromGroup", "UserName", "BOB", "GroupName", "G")
	f.ok("DeleteGroup", "GroupName", "G")
	f.ok("DeleteUser", "UserName", "Bob")
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
	if again := f.ok("CreateUser", "UserName", "bob").one("UserId"); again == id {
		t.Error("another user has the same id")
	}
}

func TestTagsOfUsers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "a")
	a := f.ok("TagUser", "UserName", "bob", "Tags.member.1.Key", "TEAM", "Tags.member.1.Value", "b", "Tags.member.2.Key", "c", "Tags.member.2.Value", "")
	if a.subject.Tags["Team"] != "a" || a.subject.RequestTags["TEAM"] != "b" {
		t.Errorf("%+v", a.subject)
	}
	tags := func() string {
		a := f.ok("ListUserTags", "UserName", "bob")
		return fmt.Sprint(a.all("Key"), a.all("Value"))
	}
	if got := tags(); got != "[Team c] [b ]" {
		t.Error(got)
	}
	if got := f.list("Key", "ListUserTags", "UserName", "bob", "MaxItems", "1"); !slices.Equal(got, []string{"Team", "c"}) {
		t.Errorf("%q", got)
	}
	f.refused(apierr.InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
		"TagUser", "UserName", "bob", "Tags.member.1.Key", "x", "Tags.member.1.Value", "", "Tags.member.2.Key", "X", "Tags.member.2.Value", "")
	f.refused(apierr.InvalidInput, "Tag keys that begin with aws: are reserved for system use.", "TagUser", "UserName", "bob", "Tags.member.1.Key", "AWS:x", "Tags.member.1.Value", "")
	f.refused(apierr.Validation, "1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null", "TagUser", "UserName", "bob")
	many := []string{"UserName", "bob"}
	for i := range 49 {
		many = append(many, fmt.Sprintf("Tags.member.%d.Key", i+1), fmt.Sprint(i), fmt.Sprintf("Tags.member.%d.Value", i+1), "")
	}
	f.refused(apierr.LimitExceeded, "Cannot exceed quota for TagsPerUser: 50", "TagUser", many...)
	f.ok("UntagUser", "UserName", "bob", "TagKeys.member.1", "team", "TagKeys.member.2", "unknown")
	if got := tags(); got != "[c] []" {
		t.Error(got)
	}
}

// TestEveryOperationRefusesWhatIsNotThere: nobody and nothing, for each
// operation that names one, and changes nothing by it.
func TestEveryOperationRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	f.ok("CreateGroup", "GroupName", "g")
	before := f.rows()
	const noUser, noGroup = "The user with name x cannot be found.", "The group with name x cannot be found."
	for _, row := range []struct {
		message, operation string
		params             []string
	}{
		{noUser, "GetUser", []string{"UserName", "x"}},
		{noUser, "DeleteUser", []string{"UserName", "x"}},
		{noUser, "TagUser", []string{"UserName", "x", "Tags", ""}},
		{noUser, "UntagUser", []string{"UserName", "x", "TagKeys", ""}},
		{noUser, "ListUserTags", []string{"UserName", "x"}},
		{noUser, "ListGroupsForUser", []string{"UserName", "x"}},
		{noUser, "CreateAccessKey", []string{"UserName", "x"}},
		{noUser, "ListAccessKeys", []string{"UserName", "x"}},
		{noUser, "UpdateAccessKey", []string{"UserName", "x", "AccessKeyId", "AKIAAAAAAAAAAAAAAAAA", "Status", "Active"}},
		{noUser, "DeleteAccessKey", []string{"UserName", "x", "AccessKeyId", "AKIAAAAAAAAAAAAAAAAA"}},
		{noUser, "AddUserToGroup", []string{"UserName", "x", "GroupName", "g"}},
		{noUser, "RemoveUserFromGroup", []string{"UserName", "x", "GroupName", "g"}},
		{noGroup, "AddUserToGroup", []string{"UserName", "bob", "GroupName", "x"}},
		{noGroup, "RemoveUserFromGroup", []string{"UserName", "bob", "GroupName", "x"}},
		{noGroup, "GetGroup", []string{"GroupName", "x"}},
		{noGroup, "DeleteGroup", []string{"GroupName", "x"}},
		{"User bob is not in group g.", "RemoveUserFromGroup", []string{"UserName", "bob", "GroupName", "g"}},
		{"The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found.", "UpdateAccessKey", []string{"UserName", "bob", "AccessKeyId", "AKIAAAAAAAAAAAAAAAAA", "Status", "Active"}},
		{"The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found.", "DeleteAccessKey", []string{"UserName", "bob", "AccessKeyId", "AKIAAAAAAAAAAAAAAAAA"}},
	} {
		f.refused(apierr.NoSuchEntity, row.message, row.operation, row.params...)
	}
	if after := f.rows(); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
}

// TestBoundedUser: the boundary is a policy of the account's that is there, stands
// under it, and goes with the user.
func TestBoundedUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const policy = "arn:aws:iam::111122223333:policy/Edge"
	if a := f.do("CreateUser", "UserName", "bob", "PermissionsBoundary", policy); a.err == nil || a.subject.Boundary != policy {
		t.Errorf("%+v", a)
	}
	f.ok("CreatePolicy", "PolicyName", "Edge", "PolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	f.ok("CreateUser", "UserName", "Bob", "PermissionsBoundary", policy)
	if a := f.ok("GetUser", "UserName", "bob"); a.one("PermissionsBoundaryArn") != policy || a.one("PermissionsBoundaryType") != "Policy" {
		t.Error(a.xml)
	}
	if rows := f.rows(); !slices.Contains(rows, "attached/111122223333/edge/bounds-user/bob") {
		t.Errorf("%q", rows)
	}
	f.refused(apierr.DeleteConflict, "Cannot delete a policy attached to entities.", "DeletePolicy", "PolicyArn", policy)
	f.ok("DeleteUser", "UserName", "bob")
	f.ok("DeletePolicy", "PolicyArn", policy)
	if rows := f.rows(); len(rows) != 0 {
		t.Errorf("left: %q", rows)
	}
}
