package identity_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/arn"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

var operator = identity.Operator{UID: 1000, Name: "alice", Listener: "admin"}

// events are the rows of the global outbox, as JSON, by event name.
func (f *fixture) events(t *testing.T) map[string][]map[string]any {
	t.Helper()
	global, err := f.domains.Region(t.Context(), domains.Global)
	if err != nil {
		t.Fatal(err)
	}
	prefix := record.OutboxPrefix(domains.Global)
	rows, _, _, err := f.store.Range(t.Context(), prefix, record.PrefixEnd(prefix), 1000)
	if err != nil {
		t.Fatal(err)
	}
	events := map[string][]map[string]any{}
	for _, row := range rows {
		var r record.Outbox
		if _, err := global.Records.Open(row.Key, row.Value, record.TypeOutbox, &r); err != nil {
			t.Fatal(err)
		}
		var e map[string]any
		if err := json.Unmarshal(r.Event, &e); err != nil {
			t.Fatalf("%s: %v", r.Event, err)
		}
		name := e["eventName"].(string)
		events[name] = append(events[name], e)
	}
	return events
}

// create makes an account, and a root key for it.
func (f *fixture) create(t *testing.T, id string) identity.NewKey {
	t.Helper()
	if _, err := f.CreateAccount(t.Context(), operator, id, ""); err != nil {
		t.Fatal(err)
	}
	return f.newKey(t, id, false)
}

func (f *fixture) newKey(t *testing.T, account string, keepEarlier bool) identity.NewKey {
	t.Helper()
	k, err := f.NewRootKey(t.Context(), operator, account, keepEarlier)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authenticates reports whether an access key would, and fails the test on an
// error that is no refusal.
func (f *fixture) authenticates(t *testing.T, id string) bool {
	t.Helper()
	_, err := f.AccessKey(t.Context(), id, "")
	if err != nil && !refused(err) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCreateAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	for _, test := range []struct {
		id, name string
		want     error
	}{
		{"111122223333", "payments", nil},
		{"111122223333", "again", identity.ErrAccountExists},
		{"000000000000", "", nil},
		{"222233334444", strings.Repeat("ü", 50), nil},
		{"333344445555", strings.Repeat("ü", 51), identity.ErrAccountName},
		{"333344445555", "a\x1b[2J", identity.ErrAccountName},
		{"333344445555", "a\nb", identity.ErrAccountName},
		{"333344445555", "a\xff", identity.ErrAccountName},
		{"11112222333", "", identity.ErrAccountID},
		{"1111222233334", "", identity.ErrAccountID},
		{"11112222333x", "", identity.ErrAccountID},
		{"../../../../", "", identity.ErrAccountID},
	} {
		a, err := f.CreateAccount(t.Context(), operator, test.id, test.name)
		if !errors.Is(err, test.want) {
			t.Errorf("%s %q: %v, want %v", test.id, test.name, err, test.want)
		}
		if err == nil && (a.ID != test.id || a.Name != test.name || a.Disabled || a.Dev || time.Since(a.Created) > time.Hour) {
			t.Errorf("%+v", a)
		}
	}
	random, err := f.CreateAccount(t.Context(), operator, "", "random")
	if err != nil || !arn.ValidAccount(random.ID) {
		t.Fatalf("%+v, %v", random, err)
	}
	var all []string
	after := ""
	for more := true; more; {
		var page []identity.Account
		if page, more, err = f.ListAccounts(t.Context(), after, 2); err != nil || len(page) == 0 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, a := range page {
			all = append(all, a.ID)
		}
		after = all[len(all)-1]
	}
	if len(all) != 4 || all[0] != "000000000000" || all[1] >= all[2] || all[2] >= all[3] {
		t.Errorf("listed: %q", all)
	}
	if n := len(f.events(t)["CreateAccount"]); n != 4 {
		t.Errorf("%d events of 4 accounts", n)
	}
}

// TestNewRootKeyAuthenticates: with the secret that it returns, once, the
// module derives the day keys of SigV4.
func TestNewRootKeyAuthenticates(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true) // for a Region to derive in
	k := f.create(t, "111122223333")
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(k.ID) || k.Secret.Len() != 40 {
		t.Fatalf("%s, %d characters", k.ID, k.Secret.Len())
	}
	if _, err := f.domains.Region(t.Context(), "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	ak, err := f.AccessKey(t.Context(), k.ID, "")
	if err != nil || ak.WellKnown {
		t.Fatalf("%+v, %v", ak, err)
	}
	want := identity.Caller{
		Account: "111122223333", PrincipalARN: "arn:aws:iam::111122223333:root", PrincipalID: "111122223333", Type: "Root", AccessKeyID: k.ID,
	}
	if p := ak.Caller.Permissions; p == nil || !p.Root || p.ID != k.Account || len(p.Policies) > 0 || p.Boundary != nil {
		t.Errorf("permissions of root: %+v", p)
	}
	want.Permissions = ak.Caller.Permissions
	if ak.Caller != want {
		t.Errorf("%+v", ak.Caller)
	}
	date := time.Now().UTC().Format("20060102")
	var day [32]byte
	if err := f.DayKey(t.Context(), ak, date, "eu-west-1", "kms", &day); err != nil {
		t.Fatal(err)
	}
	if day != dayKey(k.Secret.Expose(), date, "eu-west-1", "kms") {
		t.Error("the module derives from another secret than the one that was returned")
	}
}

// TestDisabledAccountAuthenticatesNothing: neither its root keys nor, in
// trent dev, its well-known credential, made or not, and from the next call on.
func TestDisabledAccountAuthenticatesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true)
	ctx := t.Context()
	const account = "111122223333"
	k := f.create(t, account)
	other := f.create(t, "222233334444")
	if _, err := f.domains.Region(ctx, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for _, id := range []string{k.ID, account} {
			if !f.authenticates(t, id) {
				t.Fatalf("round %d: %s does not authenticate", round, id)
			}
		}
		ak, err := f.AccessKey(ctx, k.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		var day [32]byte
		if err := f.DayKey(ctx, ak, time.Now().UTC().Format("20060102"), "eu-west-1", "kms", &day); err != nil {
			t.Fatal(err)
		}
		if a, err := f.DisableAccount(ctx, operator, account); err != nil || !a.Disabled {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, id := range []string{k.ID, account} {
			if f.authenticates(t, id) {
				t.Errorf("round %d: %s authenticates", round, id)
			}
		}
		if days := f.Usage()[1].Entries; days != 0 {
			t.Errorf("%d day keys are left", days)
		}
		if !f.authenticates(t, other.ID) {
			t.Error("another account's key does not authenticate")
		}
		if _, err := f.DisableAccount(ctx, operator, account); err != nil {
			t.Errorf("again: %v", err)
		}
		if a, err := f.EnableAccount(ctx, operator, account); err != nil || a.Disabled {
			t.Fatalf("%+v, %v", a, err)
		}
		f.made(t, account) // in the second round the well-known credential is stored
	}
	for _, err := range []error{
		errorOf(f.DisableAccount(ctx, operator, "999999999999")), errorOf(f.EnableAccount(ctx, operator, "x/../y")),
	} {
		if !errors.Is(err, identity.ErrNoAccount) {
			t.Errorf("%v", err)
		}
	}
	if events := f.events(t); len(events["DisableAccount"]) != 4 || len(events["EnableAccount"]) != 2 {
		t.Errorf("%v", events)
	}
}

func errorOf[T any](_ T, err error) error { return err }

// TestAccountRecordDeleted: who deletes an account's record from the store
// does not enable it.
func TestAccountRecordDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	k := f.create(t, "111122223333")
	if !f.authenticates(t, k.ID) {
		t.Fatal("the key does not authenticate")
	}
	deleteRow(t, f, record.AccountPath("111122223333"))
	if f.authenticates(t, k.ID) {
		t.Error("the key of no account authenticates")
	}
}

func TestNewRootKeyReplacesEarlierOnes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true)
	ctx := t.Context()
	const account = "111122223333"
	f.made(t, account) // a well-known credential, which stays
	first := f.newKey(t, account, false)
	second := f.newKey(t, account, true)
	if len(second.Deactivated) != 0 || !f.authenticates(t, first.ID) || !f.authenticates(t, second.ID) {
		t.Errorf("kept: %+v", second)
	}
	if _, err := f.NewRootKey(ctx, operator, account, true); !errors.Is(err, identity.ErrTooManyRootKeys) {
		t.Errorf("a third active one: %v", err)
	}
	third := f.newKey(t, account, false)
	if f.authenticates(t, first.ID) || f.authenticates(t, second.ID) || !f.authenticates(t, third.ID) || !f.authenticates(t, account) {
		t.Error("not just the third and the well-known one authenticate")
	}
	if len(third.Deactivated) != 2 || third.Deactivated[0] != first.ID || third.Deactivated[1] != second.ID {
		t.Errorf("deactivated: %q", third.Deactivated)
	}
	if err := f.DeactivateRootKey(ctx, operator, account, third.ID); err != nil || f.authenticates(t, third.ID) {
		t.Errorf("deactivated: %v", err)
	}
	for id, want := range map[string]error{account: identity.ErrNoRootKey, "AKIAIOSFODNN7EXAMPLE": identity.ErrNoRootKey} {
		if err := f.DeactivateRootKey(ctx, operator, account, id); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	keys, err := f.RootKeys(ctx, account)
	if err != nil || len(keys) != 3 || keys[0].ID != first.ID || keys[2].ID != third.ID || keys[0].Active || keys[2].Active {
		t.Errorf("%+v, %v", keys, err)
	}
	for _, err := range []error{
		errorOf(f.NewRootKey(ctx, operator, "999999999999", false)), errorOf(f.RootKeys(ctx, "999999999999")),
		f.DeactivateRootKey(ctx, operator, "999999999999", first.ID),
	} {
		if !errors.Is(err, identity.ErrNoAccount) {
			t.Errorf("%v", err)
		}
	}
}

// TestRootKeysAreBounded: a list that has had its twenty forgets its oldest.
func TestRootKeysAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	const account = "111122223333"
	made := []string{f.create(t, account).ID}
	for range 22 {
		made = append(made, f.newKey(t, account, false).ID)
	}
	keys, err := f.RootKeys(t.Context(), account)
	if err != nil || len(keys) != 20 || keys[0].ID != made[3] || keys[19].ID != made[22] || !keys[19].Active {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for i, id := range made {
		if f.authenticates(t, id) != (i == 22) {
			t.Errorf("key %d", i)
		}
	}
}

// TestNewRootKeysAtOnce: of several that come at the same time one is left.
func TestNewRootKeysAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	const account = "111122223333"
	f.create(t, account)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := f.NewRootKey(t.Context(), operator, account, false); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	keys, err := f.RootKeys(t.Context(), account)
	active := 0
	for _, k := range keys {
		if k.Active != f.authenticates(t, k.ID) {
			t.Errorf("%+v", k)
		}
		if k.Active {
			active++
		}
	}
	if err != nil || len(keys) != 9 || active != 1 {
		t.Errorf("%d keys, %d active, %v", len(keys), active, err)
	}
}

// TestAdministrationIsRecorded: who did what, in the transaction that does it,
// and nothing of a secret.
func TestAdministrationIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, false)
	const account = "111122223333"
	first := f.create(t, account)
	second := f.newKey(t, account, false)
	if err := f.DeactivateRootKey(t.Context(), operator, account, second.ID); err != nil {
		t.Fatal(err)
	}
	events := f.events(t)
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []identity.NewKey{first, second} {
		if strings.Contains(string(text), string(k.Secret.Expose())) {
			t.Fatal("an event holds a secret")
		}
	}
	for name, n := range map[string]int{"CreateAccount": 1, "CreateAccessKey": 2, "UpdateAccessKey": 1} {
		if len(events[name]) != n {
			t.Errorf("%s: %d events", name, len(events[name]))
			continue
		}
		e := events[name][0]
		who, _ := e["userIdentity"].(map[string]any)
		if who["type"] != "Operator" || who["principalId"] != "uid:1000" || who["userName"] != "alice" || e["eventSource"] != "trent" ||
			e["awsRegion"] != "global" || e["recipientAccountId"] != account || e["readOnly"] != false {
			t.Errorf("%s: %v", name, e)
		}
	}
	found := false
	for _, e := range events["CreateAccessKey"] {
		answer, _ := e["responseElements"].(map[string]any)
		made, _ := answer["accessKey"].(map[string]any)
		gone, _ := answer["deactivatedAccessKeyIds"].([]any)
		found = found || made["accessKeyId"] == second.ID && len(gone) == 1 && gone[0] == first.ID
	}
	if !found {
		t.Errorf("%v", events["CreateAccessKey"])
	}
}

// dayKey is SigV4's derivation, from its specification.
func dayKey(secret []byte, date, region, service string) (key [32]byte) {
	k := append([]byte("AWS4"), secret...)
	for _, part := range [...]string{date, region, service, "aws4_request"} {
		m := hmac.New(sha256.New, k)
		m.Write([]byte(part))
		k = m.Sum(nil)
	}
	copy(key[:], k)
	return key
}

func deleteRow(t *testing.T, f *fixture, path []byte) {
	t.Helper()
	if _, _, err := f.store.Txn(t.Context(), nil, []store.Op{{Key: path, Delete: true}}); err != nil {
		t.Fatal(err)
	}
}
