package evidence_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/evidence"
)

const other = "444455556666"

// cross is the key, whose policy names another account.
func cross() *admin.EvidenceKey {
	k := payroll()
	k.Policy = `{"Principal":{"AWS":"arn:aws:iam::` + other + `:root"}}`
	return k
}

// TestSteadyOfAScope: a change of another account's principal that the report leaves
// out still counts, if the key has to do with that account.
func TestSteadyOfAScope(t *testing.T) {
	t.Parallel()
	deleted := payroll()
	deleted.Policy = `{"Principal":{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}}`
	anybody := payroll()
	anybody.Policy = `{"Statement":[{"Principal": {"AWS": ["arn:aws:iam::` + account + `:root", "*"]}}]}`
	for name, c := range map[string]struct {
		key    *admin.EvidenceKey
		steady bool
	}{
		"names the account": {cross(), false}, "names a deleted principal": {deleted, false}, "names everybody": {anybody, false}, "names nobody else": {payroll(), true},
	} {
		w := newWorld(t)
		w.now = at(12, 0)
		w.record(audit.Event{UserIdentity: user("admin"), Source: "iam.amazonaws.com", Name: "PutUserPolicy", RecipientAccountID: other})
		w.now = at(17, 0)
		w.digest()
		w.scope = evidence.Scope{Account: account}
		m, _ := w.report(day(), c.key)
		if k := m.Keys[0]; k.Steady != c.steady || !c.steady && !strings.Contains(k.SteadyWhy, other) {
			t.Errorf("a policy that %s: %+v", name, k.Tail)
		}
	}
}

// TestSteadyOfWhatIsMissing: nothing is said of records that may be missing.
func TestSteadyOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(12, 0)
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.digest()
	if m, _ := w.report(day(), payroll()); m.Trail.Complete || m.Keys[0].Steady {
		t.Errorf("no digest reaches the period's end: %+v", m.Keys[0].Tail)
	}
	w.now = at(17, 0)
	w.digest()
	if m, _ := w.report(day(), payroll()); !m.Trail.Complete || !m.Keys[0].Steady {
		t.Errorf("digests cover the period: %+v", m.Keys[0].Tail)
	}
	damage(t, w)
	if m, _ := w.report(day(), payroll()); m.Trail.Sound || m.Keys[0].Steady || !strings.Contains(m.Keys[0].SteadyWhy, "not sound") {
		t.Errorf("of a damaged trail: %+v", m.Keys[0].Tail)
	}
}

// TestStrangers: names that only refused calls have are counted, and have no section.
func TestStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(7, 0)
	w.record(audit.Event{UserIdentity: user("admin"), Name: "DeleteKey", Resources: onKey(strings.Replace(keyARN, "1234abcd", "dddddddd", 1))})
	w.now = at(9, 0)
	refused := func(name, key string, resources ...audit.Resource) {
		w.record(audit.Event{
			UserIdentity: user("guest"), Name: name, ReadOnly: name != "PutKeyPolicy", ErrorCode: "NotFoundException", Region: "eu-west-1",
			RequestParameters: []byte(`{"keyId":"` + key + `"}`), Resources: resources,
		})
	}
	for i := range 50 {
		refused("Decrypt", fmt.Sprintf("%08x-12ab-34cd-56ef-1234567890ab", i))
	}
	refused("Decrypt", "arn:aws:kms:mars-east-9:999999999999:key/"+keyID)
	refused("PutKeyPolicy", "arn:aws:kms:mars-east-9:999999999999:key/"+keyID)
	refused("Decrypt", keyID) // the service has it
	gone := strings.Replace(keyARN, "1234abcd", "eeeeeeee", 1)
	refused("Decrypt", gone, onKey(gone)...) // the record says that it was there
	w.now = at(17, 0)
	w.digest()
	m, page := w.report(day(), payroll())
	s := m.Summary
	if s.Keys != 3 || s.Absent != 3 || len(m.Keys) != 3 || s.Strangers != 51 || s.StrangerCalls != 52 || s.Refused != 2 {
		t.Errorf("%d sections: %+v", len(m.Keys), s)
	}
	if strings.Contains(page, "mars-east-9") || !strings.Contains(page, "51 names of keys") {
		t.Error("the page has what does not exist, or does not count it")
	}
}

// TestBeginOfTrails: of trails that follow one another the last one's record counts,
// whatever their ids are.
func TestBeginOfTrails(t *testing.T) {
	t.Parallel()
	for _, ids := range [][2]byte{{1, 2}, {2, 1}} {
		w := newWorld(t)
		w.dir = t.TempDir()
		for i, id := range ids {
			trail, err := audit.Open(t.Context(), w.dir, audit.Options{Node: [16]byte{id}, Mode: audit.NoWait})
			if err != nil {
				t.Fatal(err)
			}
			w.trail, w.now = trail, at(6+i, 0)
			if i > 0 {
				w.record(audit.Event{UserIdentity: user("root"), Source: "trent", Name: "ReplaceAuditTrail", RequestParameters: []byte(`{"nodeId":"` + hex.EncodeToString(append([]byte{ids[0]}, make([]byte, 15)...)) + `"}`)})
			}
			w.now = w.now.Add(1e9)
			w.record(audit.Event{UserIdentity: user("admin"), Name: "PutKeyPolicy", RequestParameters: fmt.Appendf(nil, `{"policy":"%d"}`, i), Resources: onKey(keyARN)})
			if i == 0 {
				w.record(audit.Event{UserIdentity: user("admin"), Name: "DisableKey", Resources: onKey(keyARN)})
			}
			if err := trail.Close(); err != nil {
				t.Fatal(err)
			}
		}
		m, page := w.report(day(), payroll())
		b := m.Keys[0].Begin
		if b["policy"].Value != "1" || b["policy"].Unsure != "" {
			t.Errorf("nodes %v: %+v", ids, b["policy"])
		}
		if b["state"].Value != "Disabled" || !strings.Contains(b["state"].Unsure, "ReplaceAuditTrail") || !strings.Contains(page, "May not have held") {
			t.Errorf("nodes %v: %+v", ids, b["state"])
		}
	}
}

// TestBeginState: the state at the period's begin is what the records before lead to,
// and where they leave it open, so does the report.
func TestBeginState(t *testing.T) {
	t.Parallel()
	const multi = "arn:aws:kms:eu-west-1:" + account + ":key/mrk-1234abcd12ab34cd56ef1234567890ab"
	created := func(state string) audit.Event {
		return audit.Event{Name: "CreateKey", ResponseElements: []byte(`{"keyMetadata":{"arn":"` + multi + `","keyState":"` + state + `"}}`)}
	}
	unknown := func(name string) audit.Event {
		return audit.Event{Name: name, ErrorCode: "KMSInternalException", Additional: []audit.Field{{Name: "outcomeUnknown", Value: "true"}}}
	}
	scheduled := func(state string) audit.Event {
		return audit.Event{Name: "ScheduleKeyDeletion", ResponseElements: []byte(`{"keyState":"` + state + `"}`)}
	}
	names := func(all ...string) (events []audit.Event) {
		for _, name := range all {
			events = append(events, audit.Event{Name: name})
		}
		return events
	}
	replicated := audit.Event{Name: "ReplicateKey", ResponseElements: []byte(`{"replicaKeyMetadata":{"arn":"` + strings.Replace(multi, "eu-west-1", "us-east-1", 1) + `","keyState":"Creating"}}`)}
	for want, events := range map[string][]audit.Event{
		"Disabled":                                  names("DisableKey", "ImportKeyMaterial"),
		"Enabled or PendingImport":                  {created("PendingImport"), {Name: "ImportKeyMaterial"}},
		"Disabled or PendingImport":                 names("DisableKey", "DeleteExpiredKeyMaterial"),
		"PendingDeletion":                           append([]audit.Event{scheduled("PendingDeletion")}, names("DeleteImportedKeyMaterial", "ImportKeyMaterial")...),
		"PendingDeletion or PendingReplicaDeletion": {scheduled("PendingReplicaDeletion")},
		"Disabled or PendingImport or Creating":     {scheduled("PendingDeletion"), {Name: "CancelKeyDeletion"}},
		"Enabled or PendingImport or Creating":      {created("Creating")},
		"Enabled":                                   {created("Enabled"), replicated},
		"Enabled or Updating":                       {created("Enabled"), {Name: "UpdatePrimaryRegion"}},
		"Enabled or Disabled":                       {created("Enabled"), unknown("DisableKey")},
		"unknown":                                   {unknown("EnableKey")},
		"deleted":                                   {created("Enabled"), scheduled("PendingDeletion"), {Name: "DeleteKey"}},
	} {
		w := newWorld(t)
		w.now = at(7, 0)
		for _, e := range events {
			e.UserIdentity, e.Resources = user("admin"), onKey(multi)
			w.record(e)
		}
		w.digest()
		m, _ := w.report(day())
		if got := m.Keys[0].Begin["state"]; got == nil || got.Value != want {
			t.Errorf("%+v, not %q", got, want)
		}
	}
}

// TestBeginPolicyUnknown: a policy that was put or not is not stated.
func TestBeginPolicyUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(7, 0)
	w.record(audit.Event{UserIdentity: user("admin"), Name: "PutKeyPolicy", RequestParameters: []byte(`{"policy":"mine"}`), Resources: onKey(keyARN),
		ErrorCode: "KMSInternalException", Additional: []audit.Field{{Name: "outcomeUnknown", Value: "true"}}})
	w.digest()
	if m, _ := w.report(day()); !strings.Contains(m.Keys[0].Begin["policy"].Value, "unknown") {
		t.Errorf("%+v", m.Keys[0].Begin["policy"])
	}
}

// TestMovedAway: a trail whose old segments were moved away is read from where it
// begins, if that is said, and not otherwise.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(6, 0)
	w.record(audit.Event{UserIdentity: user("clerk"), Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.digest()
	if err := w.trail.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	for _, hour := range []int{7, 12, 17} {
		w.now = at(hour, 0)
		w.record(audit.Event{UserIdentity: user("clerk"), Name: "DescribeKey", ReadOnly: true, Resources: onKey(keyARN)})
	}
	w.digest()
	old, err := filepath.Glob(filepath.Join(w.dir, "*", "*", "*.log"))
	if err != nil || len(old) != 2 {
		t.Fatal(old, err)
	}
	if err := os.Remove(old[0]); err != nil {
		t.Fatal(err)
	}
	if m, _ := w.report(day(), payroll()); m.Trail.Sound {
		t.Error("record 1 is missing, and nobody has said so")
	}
	w.from = map[[16]byte]uint64{{1, 2}: 2}
	if m, _ := w.report(day(), payroll()); !m.Trail.Sound || !m.Trail.Complete || !m.Keys[0].Unused.Proven || !m.Keys[0].Steady {
		t.Errorf("%+v, %+v", m.Trail.Report, m.Keys[0].Tail)
	}
	if m, _ := w.report(evidence.Period{From: at(5, 0), To: at(16, 0)}, payroll()); m.Trail.Complete || m.Keys[0].Steady {
		t.Errorf("of before 7:00 there is no record: %+v", m.Keys[0].Tail)
	}
}
