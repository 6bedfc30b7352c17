package iam_test

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"trent/internal/apierr"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.ok("CreateGroup", "GroupName", "Admins", "Path", "/p/")
	if !regexp.MustCompile(`^AGPA[A-Z2-7]{17}$`).MatchString(a.one("GroupId")) || a.one("Arn") != "arn:aws:iam::111122223333:group/p/Admins" || a.subject.Resource != a.one("Arn") {
		t.Error(a.xml)
	}
	f.refused(apierr.EntityAlreadyExists, "Group with name admins already exists.", "CreateGroup", "GroupName", "admins")
	f.ok("CreateGroup", "GroupName", "b")
	if got := f.list("GroupName", "ListGroups", "MaxItems", "1"); !slices.Equal(got, []string{"Admins", "b"}) {
		t.Errorf("%q", got)
	}
	if got := f.list("GroupName", "ListGroups", "PathPrefix", "/p/"); !slices.Equal(got, []string{"Admins"}) {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"u2", "U1", "u3"} {
		f.ok("CreateUser", "UserName", name)
		for range 2 { // the second time it is no change
			if s := f.ok("AddUserToGroup", "UserName", name, "GroupName", "ADMINS").subject; s.Resource != "arn:aws:iam::111122223333:group/p/Admins" {
				t.Errorf("%+v", s)
			}
		}
	}
	if got := f.list("UserName", "GetGroup", "GroupName", "admins", "MaxItems", "1"); !slices.Equal(got, []string{"U1", "u2", "u3"}) {
		t.Errorf("%q", got)
	}
	f.ok("AddUserToGroup", "UserName", "u1", "GroupName", "b")
	if got := f.list("GroupName", "ListGroupsForUser", "UserName", "u1", "MaxItems", "1"); !slices.Equal(got, []string{"Admins", "b"}) {
		t.Errorf("%q", got)
	}
	f.ok("RemoveUserFromGroup", "UserName", "U2", "GroupName", "Admins")
	if got := f.list("UserName", "GetGroup", "GroupName", "admins"); !slices.Equal(got, []string{"U1", "u3"}) {
		t.Errorf("%q", got)
	}
	if got := f.list("GroupName", "ListGroupsForUser", "UserName", "u2"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestGroupsPerUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok("CreateUser", "UserName", "bob")
	for i := range 11 {
		f.ok("CreateGroup", "GroupName", fmt.Sprint(i))
		if i < 10 {
			f.ok("AddUserToGroup", "UserName", "bob", "GroupName", fmt.Sprint(i))
		}
	}
	f.refused(apierr.LimitExceeded, "Cannot exceed quota for GroupsPerUser: 10", "AddUserToGroup", "UserName", "bob", "GroupName", "10")
}

func TestGroupsPerAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 300 {
		f.ok("CreateGroup", "GroupName", fmt.Sprint(i))
	}
	f.refused(apierr.LimitExceeded, "Cannot exceed quota for GroupsPerAccount: 300", "CreateGroup", "GroupName", "more")
	f.ok("DeleteGroup", "GroupName", "7")
	f.ok("CreateGroup", "GroupName", "more")
}

// TestConcurrentChanges: sixteen callers at once, without the turns that the
// pipeline gives them: each change is made, once, and the index of members says
// what the users' records say.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const callers = 16
	var made, taken, joined sync.Map
	var all sync.WaitGroup
	f.ok("CreateUser", "UserName", "shared")
	for i := range callers {
		all.Go(func() {
			if a := f.do("CreateUser", "UserName", "same"); a.err == nil {
				made.Store(i, a.one("UserId"))
			}
			name := fmt.Sprintf("g%d", i)
			if a := f.do("CreateGroup", "GroupName", name); a.err != nil {
				t.Error(a.err)
			}
			if a := f.do("AddUserToGroup", "GroupName", name, "UserName", "shared"); a.err == nil {
				joined.Store(name, true)
			}
			if a := f.do("CreateAccessKey", "UserName", "shared"); a.err == nil {
				taken.Store(a.one("AccessKeyId"), true)
			}
		})
	}
	all.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if count(&made) != 1 || count(&joined) != 10 || count(&taken) != 2 {
		t.Errorf("%d users of a name, %d groups joined, %d access keys", count(&made), count(&joined), count(&taken))
	}
	groups := f.list("GroupName", "ListGroupsForUser", "UserName", "shared")
	for i := range callers {
		name := fmt.Sprintf("g%d", i)
		_, in := joined.Load(name)
		members := f.list("UserName", "GetGroup", "GroupName", name)
		if in != slices.Contains(groups, name) || in != slices.Contains(members, "shared") {
			t.Errorf("%s: joined %v, of the user %q, of the group %q", name, in, groups, members)
		}
	}
	for _, id := range f.list("AccessKeyId", "ListAccessKeys", "UserName", "shared") {
		if _, ok := taken.Load(id); !ok {
			t.Errorf("access key %s was given to nobody", id)
		}
	}
}
