package identity_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

const (
	account = "111122223333"
	iamARN  = "arn:aws:iam::" + account + ":"
	userKey = "AKIAUSERUSERUSERUSER"
	roleKey = "ASIAROLEROLEROLEROLE"
	token   = "a session token"
)

// put writes a record, whatever was there.
func (f *fixture) put(tb testing.TB, path []byte, t record.Type, v any) {
	tb.Helper()
	global, err := f.domains.Region(context.Background(), domains.Global)
	if err != nil {
		tb.Fatal(err)
	}
	value, err := global.Records.Seal(path, t, 1, v)
	if err != nil {
		tb.Fatal(err)
	}
	if _, _, err := f.store.Txn(context.Background(), nil, []store.Op{{Key: path, Value: value}}); err != nil {
		tb.Fatal(err)
	}
}

func (f *fixture) delete(tb testing.TB, path []byte) {
	tb.Helper()
	if _, _, err := f.store.Txn(context.Background(), nil, []store.Op{{Key: path, Delete: true}}); err != nil {
		tb.Fatal(err)
	}
}

// document is a policy with a statement whose Sid is id.
func document(id string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"` + id + `","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}`
}

func managed(id, name, path string) *record.Managed {
	return &record.Managed{ID: id, Name: name, Path: path, Default: 2, Latest: 2, Versions: []record.ManagedVersion{
		{Number: 1, Document: document("old")}, {Number: 2, Document: document(name)},
	}}
}

func theUser() *record.User {
	return &record.User{
		ID: "AIDAUSER", Name: "Alice", Path: "/staff/", Inline: map[string]string{"own": document("own")},
		Attached: []string{iamARN + "policy/Keys"}, Boundary: iamARN + "policy/x/Boundary", Groups: []string{"staff"},
		Tags: map[string]string{"Dept": "hr"}, AccessKeys: []string{userKey},
	}
}

func theRole() *record.Role {
	return &record.Role{
		ID: "AROAROLE", Name: "Payroll", Path: "/", Inline: map[string]string{"role": document("role")},
		Attached: []string{iamARN + "policy/Keys"}, Tags: map[string]string{"Dept": "hr", "Site": "A"}, MaxSessionSeconds: 3600,
	}
}

func theSession() *record.AccessKey {
	digest := sha256.Sum256([]byte(token))
	return &record.AccessKey{
		Account: account, PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/Payroll/run", PrincipalID: "AROAROLE:run",
		Type: identity.TypeSession, Status: "Active", ExpiresMs: time.Now().Add(time.Hour).UnixMilli(), Session: digest[:],
		Temporary: &record.Session{
			Name: "run", RoleARN: iamARN + "role/Payroll", RoleID: "AROAROLE", Policy: document("session"),
			PolicyARNs: []string{iamARN + "policy/Keys"}, Tags: map[string]string{"dept": "it"}, Transitive: []string{"dept"}, SourceIdentity: "carol",
		},
	}
}

func theUserKey() *record.AccessKey {
	return &record.AccessKey{Account: account, PrincipalARN: iamARN + "user/staff/Alice", PrincipalID: "AIDAUSER", Type: identity.TypeUser, UserName: "Alice", Status: "Active"}
}

// world is an account with a user, a role with a session, a group and managed
// policies.
func (f *fixture) world(tb testing.TB) {
	tb.Helper()
	for _, w := range [...]struct {
		path []byte
		t    record.Type
		v    any
	}{
		{record.AccountPath(account), record.TypeAccount, &record.Account{}},
		{record.UserPath(account, "alice"), record.TypeUser, theUser()},
		{record.GroupPath(account, "staff"), record.TypeGroup, &record.Group{
			ID: "AGPA", Name: "Staff", Path: "/", Inline: map[string]string{"group": document("group")}, Attached: []string{iamARN + "policy/x/Shared"},
		}},
		{record.RolePath(account, "payroll"), record.TypeRole, theRole()},
		{record.ManagedPath(account, "keys"), record.TypeManaged, managed("ANPA1", "Keys", "/")},
		{record.ManagedPath(account, "shared"), record.TypeManaged, managed("ANPA2", "Shared", "/x/")},
		{record.ManagedPath(account, "boundary"), record.TypeManaged, managed("ANPA3", "Boundary", "/x/")},
		{record.AccessKeyPath(userKey), record.TypeAccessKey, theUserKey()},
		{record.AccessKeyPath(roleKey), record.TypeAccessKey, theSession()},
	} {
		f.put(tb, w.path, w.t, w.v)
	}
}

func (f *fixture) caller(tb testing.TB, id string) *identity.Caller {
	tb.Helper()
	ak, err := f.find(id)
	if err != nil {
		tb.Fatal(err)
	}
	return &ak.Caller
}

func (f *fixture) find(id string) (*identity.AccessKey, error) {
	given := ""
	if strings.HasPrefix(id, "ASIA") {
		given = token
	}
	return f.AccessKey(context.Background(), id, given)
}

// sids are the statements of policies, as name:sid.
func sids(all []identity.Attached) (list []string) {
	for _, a := range all {
		list = append(list, a.Name+":"+a.Policy.Document().Statements[0].SID)
	}
	return list
}

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
	for n := 1; n <= 200; n++ {
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

func TestSessionTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	over, noToken, half := theSession(), theSession(), theSession()
	over.ExpiresMs = time.Now().Add(-time.Second).UnixMilli()
	noToken.Session = nil
	half.Temporary = nil
	f.put(t, record.AccessKeyPath("ASIAOVER"), record.TypeAccessKey, over)
	f.put(t, record.AccessKeyPath("ASIANOTOKEN"), record.TypeAccessKey, noToken)
	f.put(t, record.AccessKeyPath("ASIAHALF"), record.TypeAccessKey, half)
	f.put(t, record.AccessKeyPath("ASIATWICE"), record.TypeAccessKey, &record.AccessKey{
		Account: account, PrincipalID: account, Type: identity.TypeRoot, Status: "Inactive", ExpiresMs: half.ExpiresMs, Session: half.Session, Temporary: &record.Session{},
	})
	for _, test := range []struct {
		id, token string
		want      apierr.Code
	}{
		{userKey, "", ""},
		{userKey, token, apierr.UnrecognizedClient},
		{roleKey, token, ""},
		{roleKey, "", apierr.UnrecognizedClient},
		{roleKey, token + " ", apierr.UnrecognizedClient},
		{roleKey, strings.ToUpper(token), apierr.UnrecognizedClient},
		{"ASIAOVER", token, apierr.ExpiredToken},
		{"ASIAOVER", "another", apierr.UnrecognizedClient},
		{"ASIANOTOKEN", "", apierr.UnrecognizedClient},
		{"ASIANOTOKEN", token, apierr.UnrecognizedClient},
		{"ASIAHALF", token, apierr.UnrecognizedClient},
		{"ASIATWICE", token, apierr.UnrecognizedClient},
	} {
		_, err := f.AccessKey(t.Context(), test.id, test.token)
		e, _ := errors.AsType[*apierr.Error](err)
		if test.want == "" && err != nil || test.want != "" && (e == nil || e.Code != test.want) {
			t.Errorf("%s with %q: %v, want %q", test.id, test.token, err, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	for name, want := range map[string]string{
		account:                           account,
		iamARN + "root":                   account,
		iamARN + "user/staff/Alice":       "AIDAUSER",
		iamARN + "role/Payroll":           "AROAROLE",
		"logs.amazonaws.com":              "",
		"ec2.cn-north-1.amazonaws.com.cn": "",
		"arn:aws:sts::" + account + ":assumed-role/Payroll/any": "AROAROLE",

		"999988887777":                                          "-",
		"arn:aws:iam::999988887777:root":                        "-",
		"arn:aws-cn:iam::" + account + ":root":                  "-",
		iamARN + "user/Alice":                                   "-",
		iamARN + "user/staff/alice":                             "-",
		iamARN + "user/staff/Bob":                               "-",
		iamARN + "role/payroll":                                 "-",
		iamARN + "role/staff/Payroll":                           "-",
		iamARN + "role/Alice":                                   "-",
		iamARN + "group/Staff":                                  "-",
		"arn:aws:sts::" + account + ":assumed-role/Other/any":   "-",
		"arn:aws:sts::" + account + ":assumed-role/payroll/any": "-",
		"arn:aws:iam::999988887777:role/Payroll":                "-",
		"*":                                                     "-",
		"":                                                      "-",
		"AIDAUSER":                                              "-",
		"amazonaws.com":                                         "-",
		"logs.example.com":                                      "-",
	} {
		id, exists, err := f.Resolve(t.Context(), name)
		if err != nil || exists != (want != "-") || exists && id != want {
			t.Errorf("%s: %q, %v, %v; want %q", name, id, exists, err, want)
		}
	}
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	for i := range 150 {
		f.put(t, record.UserPath(account, fmt.Sprintf("u%03d", i)), record.TypeUser, &record.User{ID: fmt.Sprintf("AIDA%d", i), Name: fmt.Sprintf("u%03d", i), Path: "/"})
	}
	var names []string
	for c, err := range f.Principals(t.Context(), account) {
		if err != nil {
			t.Fatal(err)
		}
		same, err := f.Principal(t.Context(), c.PrincipalARN)
		if err != nil || same.Type != c.Type || same.PrincipalID != c.PrincipalID || same.UserName != c.UserName || same.Permissions.ID != c.PrincipalID {
			t.Errorf("%+v, %v; want %+v", same, err, c)
		}
		names = append(names, c.PrincipalARN)
	}
	if len(names) != 153 || names[0] != iamARN+"root" || names[1] != iamARN+"user/staff/Alice" || names[152] != iamARN+"role/Payroll" {
		t.Errorf("%d: %q", len(names), names)
	}
	session, err := f.Principal(t.Context(), "arn:aws:sts::"+account+":assumed-role/Payroll/x")
	if err != nil || session.Type != "AssumedRole" || session.PrincipalID != "AROAROLE:x" || session.Session.Name != "x" || session.Session.RoleARN != iamARN+"role/Payroll" {
		t.Errorf("%+v, %v", session, err)
	}
	for _, name := range []string{"*", iamARN + "user/Nobody", "999988887777", "logs.amazonaws.com"} {
		if _, err := f.Principal(t.Context(), name); !errors.Is(err, identity.ErrNoPrincipal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLastUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	f.world(t)
	at := time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)
	uses := func() map[string]identity.LastUse {
		got := map[string]identity.LastUse{}
		for _, id := range []string{userKey, roleKey, "AROAROLE"} {
			if u, ok, err := f.LastUsed(t.Context(), id); err != nil {
				t.Fatal(err)
			} else if ok {
				got[id] = u
			}
		}
		return got
	}
	expect := func(when string, want map[string]identity.LastUse) {
		t.Helper()
		if got := uses(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	expect("before", map[string]identity.LastUse{})
	user, _ := f.find(userKey)
	session, _ := f.find(roleKey)
	f.Used(user, at, "kms", "eu-west-1")
	f.Used(user, at.Add(30*time.Second), "iam", "us-east-1") // the same minute
	f.Used(session, at, "sts", "eu-west-1")
	want := map[string]identity.LastUse{userKey: {at, "kms", "eu-west-1"}, "AROAROLE": {at, "sts", "eu-west-1"}}
	expect("in memory", want)
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("stored", want)
	f.Used(user, at.Add(time.Minute), "iam", "us-east-1")
	f.Used(session, at.Add(time.Minute), "kms", "eu-west-1")
	f.delete(t, record.RolePath(account, "payroll"))
	f.delete(t, record.LastUsedPath("AROAROLE"))
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("after the role was deleted", map[string]identity.LastUse{userKey: {at.Add(time.Minute), "iam", "us-east-1"}})
}
