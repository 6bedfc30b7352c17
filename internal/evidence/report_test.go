package evidence_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/evidence"
	"trent/internal/evidence/replay"
)

// day is a period of the tests.
func day() evidence.Period { return evidence.Period{From: at(8, 0), To: at(16, 0)} }

// usual is a trail of one key: made before the period, used, refused and changed in
// it, and changed once more behind it.
func usual(t *testing.T) *world {
	w := newWorld(t)
	w.now = at(7, 0)
	w.record(audit.Event{UserIdentity: user("admin"), Name: "PutKeyPolicy", RequestParameters: []byte(`{"keyId":"` + keyID + `","policy":"{\"first\":1}"}`), Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: user("admin"), Name: "DisableKey", Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.now = at(8, 0)
	w.record(audit.Event{UserIdentity: user("admin"), Name: "EnableKey", Resources: onKey(keyARN)})
	for range 3 {
		w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	}
	w.digest()
	w.now = at(9, 30)
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Encrypt", ReadOnly: true, ErrorCode: string(apierr.AccessDenied), Region: "eu-west-1",
		RequestParameters: []byte(`{"keyId":"alias/payroll"}`)})
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "DescribeKey", ReadOnly: true, Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: user("admin"), Source: "iam.amazonaws.com", Name: "PutUserPolicy", RequestParameters: []byte(`{"userName":"clerk"}`)})
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.record(audit.Event{Name: "Decrypt", ReadOnly: true, ErrorCode: "UnrecognizedClientException", Additional: []audit.Field{{Name: "claimedAccessKeyId", Value: "x"}}})
	w.record(audit.Event{UserIdentity: audit.UserIdentity{Type: "Operator", UserName: "root"}, Source: "trent", Name: "ListKeys", ReadOnly: true})
	w.record(audit.Event{UserIdentity: user("guest"), Name: "RefusedCalls", Type: audit.TypeServiceEvent, ReadOnly: true, ServiceEventDetails: []byte(`{"calls":1659}`)})
	w.now = at(16, 0)
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "GenerateDataKey", ReadOnly: true, Resources: onKey(keyARN)})
	w.now = at(17, 0)
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: user("admin"), Name: "DisableKey", Resources: onKey(keyARN)})
	w.digest()
	return w
}

func payroll() *admin.EvidenceKey {
	k := &admin.EvidenceKey{KeyDetail: admin.KeyDetail{Aliases: []string{"alias/payroll"}, Policy: "{}"}}
	k.ARN, k.State = keyARN, "Disabled"
	return k
}

func TestReport(t *testing.T) {
	t.Parallel()
	m, page := usual(t).report(day(), payroll())
	if !m.Trail.Sound || !m.Trail.Complete || len(m.Keys) != 1 || len(m.Accounts) != 1 {
		t.Fatalf("%+v", m)
	}
	k := &m.Keys[0]
	if k.ARN != keyARN || k.Begin["policy"].Value != `{"first":1}` || k.Begin["state"].Value != "Disabled" || k.Begin["state"].Proof.Digest != 1 {
		t.Errorf("the key, and how it was at the begin: %+v", k.Key)
	}
	var uses, changes []string
	for _, u := range k.Uses {
		uses = append(uses, strings.Join([]string{u.Kind, u.Operation, u.Result, string(rune('0' + u.Calls)), u.First.Format("15:04"), u.Last.Format("15:04")}, " "))
	}
	want := []string{"use Decrypt Success 4 08:00 09:30", "use GenerateDataKey Success 1 16:00 16:00", "refused Encrypt AccessDeniedException 1 09:30 09:30", "read DescribeKey Success 1 09:30 09:30"}
	if !slices.Equal(uses, want) {
		t.Errorf("uses %q, not %q", uses, want)
	}
	for _, c := range k.Changes {
		changes = append(changes, c.What+" "+map[bool]string{true: "after", false: "within"}[c.After])
	}
	if !slices.Equal(changes, []string{"EnableKey within", "DisableKey after"}) || k.Changes[0].Proof.Digest != 1 || k.Changes[1].Proof.Digest != 2 {
		t.Errorf("changes %q: %+v", changes, k.Changes)
	}
	if k.Calls != 5 || k.Refused != 1 || k.Tail.Changes != 1 || k.Later != 1 || k.Unused != nil || k.Steady {
		t.Errorf("%+v", k.Tail)
	}
	s := m.Summary
	if s.Uses != 5 || s.Refused != 1 || s.KeyChanges != 1 || s.OtherChanges != 1 || s.Used != 1 || s.Absent != 0 || s.Unverified != 1 || s.Uncounted != 1659 || m.Accounts[0].Uses[0].Calls != 1659 {
		t.Errorf("%+v", s)
	}
	if len(m.Digests) != 2 || len(m.Limits) < 5 || !strings.Contains(page, "What this report does not show") {
		t.Errorf("%d digests, limits %q", len(m.Digests), m.Limits)
	}
}

// TestProofs: what a change says of its record is what stands in the trail.
func TestProofs(t *testing.T) {
	t.Parallel()
	w := usual(t)
	m, _ := w.report(day())
	found := map[uint64]audit.Record{}
	for r, err := range audit.Records(w.dir) {
		if err != nil {
			t.Fatal(err)
		}
		r.JSON = slices.Clone(r.JSON)
		found[r.Sequence] = r
	}
	for _, c := range append(m.Keys[0].Changes, m.Accounts[0].Changes...) {
		r := found[c.Proof.Sequence]
		if c.Proof.Hash != hex.EncodeToString(r.Hash[:]) || c.Proof.PreviousHash != hex.EncodeToString(r.PreviousHash[:]) || string(c.Record) != string(r.JSON) {
			t.Errorf("%s: %+v is not record %d: %s", c.What, c.Proof, r.Sequence, r.JSON)
		}
	}
}

// TestUnused: a key without a use is proven unused as far as digests reach, and only
// if the trail is sound.
func TestUnused(t *testing.T) {
	t.Parallel()
	w := usual(t)
	quiet := evidence.Period{From: at(10, 0), To: at(15, 0)}
	m, page := w.report(quiet, payroll())
	if u := m.Keys[0].Unused; u == nil || !u.Proven || !u.Until.Equal(quiet.To) || m.Summary.Absent != 1 || !strings.Contains(page, "Proven: no cryptographic operation") {
		t.Errorf("%+v", u)
	}
	late := evidence.Period{From: at(16, 30), To: at(16, 45)}
	late.To = at(20, 0)
	if u := must(t, w, late); u != nil {
		t.Errorf("used at 17:00, and %+v", u)
	}
	late.From = at(17, 30)
	if u := must(t, w, late); u.Proven || !u.Until.IsZero() || u.Why == "" {
		t.Errorf("no digest reaches 17:30, and %+v", u)
	}
	early := evidence.Period{From: at(10, 0), To: at(16, 59)}
	early.From = at(16, 1)
	if u := must(t, w, early); u.Proven || !u.Until.Equal(at(16, 58)) {
		t.Errorf("a digest of 17:00 covers the calls of 16:58 and before: %+v", u)
	}
	damage(t, w)
	m, page = w.report(quiet, payroll())
	if u := m.Keys[0].Unused; u.Proven || !u.Until.IsZero() || m.Trail.Sound || !strings.Contains(page, "not what was written") || strings.Contains(page, "Proven: no") {
		t.Errorf("of a damaged trail: %+v", u)
	}
	if m.Keys[0].Changes[0].Proof.Digest != 0 {
		t.Errorf("of a damaged trail a digest proves something")
	}
}

func must(t *testing.T, w *world, p evidence.Period) *evidence.Absence {
	t.Helper()
	m, _ := w.report(p, payroll())
	return m.Keys[0].Unused
}

// damage changes a byte of the trail's only segment.
func damage(t *testing.T, w *world) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "*", "*", "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSteady: who can use a key now could all the time if nothing was changed, and
// only then.
func TestSteady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event  audit.Event
		steady bool
	}{
		"nothing":                      {audit.Event{Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)}, true},
		"a refused change":             {audit.Event{Name: "PutKeyPolicy", ErrorCode: "AccessDenied", Resources: onKey(keyARN)}, true},
		"another key":                  {audit.Event{Name: "PutKeyPolicy", Resources: onKey(strings.Replace(keyARN, "1234abcd", "aaaaaaaa", 1))}, true},
		"the key":                      {audit.Event{Name: "CreateGrant", Resources: onKey(keyARN)}, false},
		"a user":                       {audit.Event{Source: "iam.amazonaws.com", Name: "CreateUser"}, false},
		"another account's user":       {audit.Event{Source: "iam.amazonaws.com", Name: "CreateUser", RecipientAccountID: "777788889999"}, true},
		"a user of one that is named":  {audit.Event{Source: "iam.amazonaws.com", Name: "CreateUser", RecipientAccountID: other}, false},
		"the account, by an operator":  {audit.Event{Source: "trent", Name: "CreateRootKey"}, false},
		"a change of unknown outcome":  {audit.Event{Name: "PutKeyPolicy", ErrorCode: "KMSInternalException", Additional: []audit.Field{{Name: "outcomeUnknown", Value: "true"}}, Resources: onKey(keyARN)}, false},
		"the state of another service": {audit.Event{Source: "trent", Name: "RestoreBackup"}, false},
	} {
		w := newWorld(t)
		w.now = at(12, 0)
		c.event.UserIdentity = user("admin")
		w.record(c.event)
		w.now = at(17, 0)
		w.digest()
		k := payroll()
		k.Policy = `{"Principal":{"AWS":"arn:aws:iam::` + other + `:root"}}`
		m, _ := w.report(day(), k)
		i := slices.IndexFunc(m.Keys, func(k struct {
			evidence.Key
			evidence.Tail
			Timeline replay.Timeline   `json:"timeline"`
			Changes  []evidence.Change `json:"changes"`
			Uses     []evidence.Use    `json:"uses"`
		}) bool {
			return k.ARN == keyARN
		})
		if i < 0 || m.Keys[i].Steady != c.steady || m.Keys[i].SteadyWhy == "" {
			t.Errorf("%s: %+v", name, m.Keys)
		}
	}
}
