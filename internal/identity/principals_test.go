package identity_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

func TestPermissionsOfAUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	c := f.caller(t, userKey)
	p := c.Permissions
	if c.Account != account || c.PrincipalARN != iamARN+"user/staff/Alice" || c.PrincipalID != "AIDAUSER" || c.UserName != "Alice" || c.Session != nil {
		t.Errorf("%+v", c)
	}
	if got, want := sids(p.Policies), []string{"own:own", "Keys:Keys", "group:group", "Shared:Shared"}; !slices.Equal(got, want) {
		t.Errorf("policies %q, want %q", got, want)
	}
	if p.Boundary == nil || p.Boundary.ARN != iamARN+"policy/x/Boundary" || sids([]identity.Attached{*p.Boundary})[0] != "Boundary:Boundary" {
		t.Errorf("boundary %+v", p.Boundary)
	}
	for i, owner := range []string{"user/staff/Alice", "user/staff/Alice", "group/Staff", "group/Staff"} {
		if p.Policies[i].Owner != iamARN+owner {
			t.Errorf("%s is of %s, want %s", p.Policies[i].Name, p.Policies[i].Owner, owner)
		}
	}
	if v, ok := c.Tag("dept"); p.Root || p.ID != "AIDAUSER" || v != "hr" || !ok {
		t.Errorf("%+v", p)
	}
}

func TestPermissionsOfASession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	c := f.caller(t, roleKey)
	if c.Type != "AssumedRole" || c.PrincipalID != "AROAROLE:run" || c.Permissions.ID != "AROAROLE" || c.Permissions.Boundary != nil {
		t.Errorf("%+v", c)
	}
	if got, want := sids(c.Permissions.Policies), []string{"role:role", "Keys:Keys"}; !slices.Equal(got, want) {
		t.Errorf("policies %q, want %q", got, want)
	}
	s := c.Session
	if got, want := sids(s.Policies), []string{"session policy:session", "Keys:Keys"}; !s.Limited || !slices.Equal(got, want) {
		t.Errorf("session policies %q, want %q", got, want)
	}
	if s.Policies[1].Policy != c.Permissions.Policies[1].Policy || s.Policies[1].Policy != f.caller(t, userKey).Permissions.Policies[1].Policy {
		t.Error("a managed policy is compiled for each principal")
	}
	dept, _ := c.Tag("dept")
	site, _ := c.Tag("site")
	if _, ok := c.Tag("Dept"); dept != "it" || site != "A" || ok || s.SourceIdentity != "carol" || s.Name != "run" || s.Chained {
		t.Errorf("%q, %q, %+v", dept, site, s)
	}
}

// TestOtherPrincipalOfTheSameName: an access key or a session is of the user or
// the role that it was made for, not of a later one of that name.
func TestOtherPrincipalOfTheSameName(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	u, r := theUser(), theRole()
	u.ID, r.ID = "AIDAOTHER", "AROAOTHER"
	for id, change := range map[string]func(){
		userKey: func() { f.put(t, record.UserPath(account, "alice"), record.TypeUser, u) },
		roleKey: func() { f.put(t, record.RolePath(account, "payroll"), record.TypeRole, r) },
	} {
		f.caller(t, id)
		change()
		if _, err := f.find(id); !refused(err) {
			t.Errorf("%s: %v", id, err)
		}
	}
	f.delete(t, record.UserPath(account, "alice"))
	f.delete(t, record.RolePath(account, "payroll"))
	for _, id := range []string{userKey, roleKey} {
		if _, err := f.find(id); !refused(err) {
			t.Errorf("%s of nobody: %v", id, err)
		}
	}
}

// TestWhatIsMissingDenies: a policy or a group that should be there, and is not
// or cannot be read, denies everything. It never leaves anything out.
func TestWhatIsMissingDenies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	denies := func(a identity.Attached) bool {
		s := a.Policy.Document().Statements
		return len(s) == 1 && s[0].Effect == policy.Deny && slices.Equal(s[0].Action, []string{"*"}) && slices.Equal(s[0].Resource, []string{"*"}) && s[0].Condition == nil
	}
	user := func() []identity.Attached { return f.caller(t, userKey).Permissions.Policies }
	boundary := func() []identity.Attached {
		return []identity.Attached{*f.caller(t, userKey).Permissions.Boundary}
	}
	session := func() []identity.Attached { return f.caller(t, roleKey).Session.Policies }
	broken, moved, noVersion := managed("ANPA1", "Keys", "/"), managed("ANPA1", "Keys", "/else/"), managed("ANPA1", "Keys", "/")
	broken.Versions[1].Document, noVersion.Default = "{", 3
	foreign := theUser()
	foreign.Boundary = "arn:aws:iam::999988887777:policy/x/Boundary"
	garbled := theUser()
	garbled.Inline["own"] = "no policy"
	for name, test := range map[string]struct {
		break_ func()
		among  func() []identity.Attached
	}{
		"attached policy":       {func() { f.delete(t, record.ManagedPath(account, "keys")) }, user},
		"session policy":        {func() { f.delete(t, record.ManagedPath(account, "keys")) }, session},
		"boundary":              {func() { f.delete(t, record.ManagedPath(account, "boundary")) }, boundary},
		"group":                 {func() { f.delete(t, record.GroupPath(account, "staff")) }, user},
		"group's policy":        {func() { f.delete(t, record.ManagedPath(account, "shared")) }, user},
		"policy that is none":   {func() { f.put(t, record.ManagedPath(account, "keys"), record.TypeManaged, broken) }, user},
		"policy elsewhere":      {func() { f.put(t, record.ManagedPath(account, "keys"), record.TypeManaged, moved) }, session},
		"version":               {func() { f.put(t, record.ManagedPath(account, "keys"), record.TypeManaged, noVersion) }, user},
		"other account's":       {func() { f.put(t, record.UserPath(account, "alice"), record.TypeUser, foreign) }, boundary},
		"inline policy garbled": {func() { f.put(t, record.UserPath(account, "alice"), record.TypeUser, garbled) }, user},
	} {
		f.world(t)
		if slices.ContainsFunc(test.among(), denies) {
			t.Fatalf("%s: denies before", name)
		}
		test.break_()
		if !slices.ContainsFunc(test.among(), denies) {
			t.Errorf("%s: %q", name, sids(test.among()))
		}
	}
	f.world(t)
	for _, path := range [][]byte{record.ManagedPath(account, "keys"), record.GroupPath(account, "staff"), record.UserPath(account, "alice"), record.AccessKeyPath(userKey)} {
		kv, _, err := f.store.Get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		kv.Value[len(kv.Value)-1] ^= 1
		if _, _, err := f.store.Txn(t.Context(), nil, []store.Op{{Key: path, Value: kv.Value}}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.find(userKey); !errors.Is(err, record.ErrTampered) {
			t.Errorf("%s was changed in the store: %v", path, err)
		}
		f.world(t)
	}
}

// TestChangesHoldAtOnce: each change of a record is seen by the next lookup;
// other principals, and those who only get another access key, keep what is
// cached of them.
func TestChangesHoldAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	user, role := record.UserPath(account, "alice"), record.RolePath(account, "payroll")
	all := func(c *identity.Caller) string {
		text := fmt.Sprint(c.PrincipalARN, c.Permissions.Tags, sids(c.Permissions.Policies))
		if c.Session != nil {
			text += fmt.Sprint(sids(c.Session.Policies), c.Session.SourceIdentity)
		}
		return text
	}
	userChange := func(change func(*record.User)) func() {
		return func() { u := theUser(); change(u); f.put(t, user, record.TypeUser, u) }
	}
	roleChange := func(change func(*record.Role)) func() {
		return func() { r := theRole(); change(r); f.put(t, role, record.TypeRole, r) }
	}
	shared := managed("ANPA2", "Shared", "/x/")
	shared.Default = 1
	keys := managed("ANPA1", "Keys", "/")
	keys.Default = 1
	later := theSession()
	later.Temporary.SourceIdentity = "dave"
	for name, test := range map[string]struct {
		change func()
		of     []string
	}{
		"user's inline policy":   {userChange(func(u *record.User) { u.Inline["own"] = document("other") }), []string{userKey}},
		"user's policy detached": {userChange(func(u *record.User) { u.Attached = nil }), []string{userKey}},
		"user's tags":            {userChange(func(u *record.User) { u.Tags["Dept"] = "it" }), []string{userKey}},
		"user's groups":          {userChange(func(u *record.User) { u.Groups = nil }), []string{userKey}},
		"role's inline policy":   {roleChange(func(r *record.Role) { r.Inline = nil }), []string{roleKey}},
		"role's tags":            {roleChange(func(r *record.Role) { r.Tags["Site"] = "B" }), []string{roleKey}},
		"group's policy": {func() {
			f.put(t, record.GroupPath(account, "staff"), record.TypeGroup, &record.Group{Name: "Staff", Path: "/"})
		}, []string{userKey}},
		"default version": {func() { f.put(t, record.ManagedPath(account, "keys"), record.TypeManaged, keys) }, []string{userKey, roleKey}},
		"group's default": {func() { f.put(t, record.ManagedPath(account, "shared"), record.TypeManaged, shared) }, []string{userKey}},
		"session":         {func() { f.put(t, record.AccessKeyPath(roleKey), record.TypeAccessKey, later) }, []string{roleKey}},
	} {
		f.world(t)
		before := map[string]*identity.Caller{userKey: f.caller(t, userKey), roleKey: f.caller(t, roleKey)}
		test.change()
		for id, old := range before {
			now := f.caller(t, id)
			if changed := slices.Contains(test.of, id); (all(now) != all(old)) != changed {
				t.Errorf("%s: %s was %s and is %s", name, id, all(old), all(now))
			} else if !changed && now != old {
				t.Errorf("%s: %s was read again", name, id)
			}
		}
	}
	f.world(t)
	before := f.caller(t, roleKey)
	for i := range 50 {
		f.put(t, record.AccessKeyPath(fmt.Sprintf("ASIAOTHER%02d", i)), record.TypeAccessKey, theSession())
		f.put(t, record.LastUsedPath(fmt.Sprintf("AKIAOTHER%02d", i)), record.TypeLastUsed, &record.LastUsed{})
	}
	if f.caller(t, roleKey) != before {
		t.Error("other sessions and last uses have dropped what was cached")
	}
}

// TestChangesUnderLoad: while eight goroutines look a principal up, no lookup
// that begins after a change was acknowledged returns what was before.
func TestChangesUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	var mu sync.RWMutex // a writer holds it while nobody knows which state counts
	state := 0
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				runtime.Gosched() // the writer's turn, on few processors
				mu.RLock()
				want := state
				mu.RUnlock()
				ak, err := f.find(userKey)
				if err != nil {
					t.Error(err)
					return
				}
				var got int
				if _, err := fmt.Sscanf(ak.Caller.Permissions.Tags["n"], "%d", &got); got < want {
					t.Errorf("%d after %d was acknowledged (%v)", got, want, err)
					return
				}
			}
		})
	}
	for n := 1; n <= 100; n++ {
		u := theUser()
		u.Tags["n"] = fmt.Sprint(n)
		f.put(t, record.UserPath(account, "alice"), record.TypeUser, u)
		mu.Lock()
		state = n
		mu.Unlock()
	}
	close(stop)
	group.Wait()
}
