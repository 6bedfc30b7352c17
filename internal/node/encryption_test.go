package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/auditseal"
	"trent/internal/digest"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
)

// forTheTrail is AWS's key policy for CloudTrail's logs, with what reads them.
const forTheTrail = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
	{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":["kms:GenerateDataKey*","kms:Decrypt"],"Resource":"*","Condition":{
		"StringEquals":{"aws:SourceArn":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/trent","aws:SourceAccount":"111122223333"},
		"StringLike":{"kms:EncryptionContext:aws:cloudtrail:arn":"arn:aws:cloudtrail:*:111122223333:trail/*"}}}]}`

// sealing is a fixture whose trail is encrypted, and the offline key.
type sealing struct {
	*fixture
	owner    caller
	key      string // ARN
	recovery *auditseal.PrivateKey
}

func newSealing(t *testing.T, policy string) *sealing {
	t.Helper()
	s := &sealing{fixture: newFixtureWith(t, servertest.Args(t), nil)}
	s.owner = s.caller("111122223333")
	s.key = s.owner.must(t, "CreateKey", object{"Policy": policy}).str("KeyMetadata", "Arn")
	private, public, err := auditseal.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	if s.recovery, err = auditseal.ReadPrivateKey(private.Expose()); err != nil {
		t.Fatal(err)
	}
	recovery, err := auditseal.ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s.change = func(c *node.Config) { c.Encryption = &node.Encryption{Key: s.key, Recovery: recovery} }
	s.again(t)
	return s
}

// again starts the node once more: the segment ends.
func (s *sealing) again(t *testing.T) {
	t.Helper()
	s.close(t)
	s.open(t)
}

// seal seals what can be; the background does so as well.
func (s *sealing) seal(t *testing.T) {
	t.Helper()
	s.owner.call("ListKeys", "{}") // a record beyond the segment, for the next digest to cover
	if _, err := s.SealTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	if clear := s.files(t, ".log"); len(clear) != 1 {
		t.Fatalf("in the clear there are %q, and not only the newest", clear)
	}
}

// files are the names of the trail's segments.
func (s *sealing) files(t *testing.T, suffix string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "audit", "*", "*", "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// events are the names of the records that a query of the running node finds.
func (s *sealing) events(t *testing.T, q admin.AuditQuery) (names []string, damaged []string) {
	t.Helper()
	q.Limit = admin.MaxPage
	page, err := s.AuditRecords(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Records {
		var e struct{ EventName string }
		if err := json.Unmarshal(r, &e); err != nil {
			t.Fatal(err)
		}
		names = append(names, e.EventName)
	}
	return names, page.Damaged
}

func (s *sealing) verify(t *testing.T, o audit.Opener) *digest.Report {
	t.Helper()
	r, err := digest.Verify(filepath.Join(s.dir, "audit"), digest.Options{Opener: o})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSegmentsAreSealed: segments that have ended are encrypted under a KMS key,
// with records of that; what they hold is found as before, by the service and by
// the offline key; and verification needs neither.
func TestSegmentsAreSealed(t *testing.T) {
	t.Parallel()
	s := newSealing(t, forTheTrail)
	s.owner.must(t, "DescribeKey", object{"KeyId": s.key})
	s.seal(t)
	sealed := s.files(t, ".sealed")
	if len(sealed) != 1 {
		t.Fatalf("%q", sealed)
	}
	b, err := os.ReadFile(sealed[0])
	if err != nil || strings.Contains(string(b), "eventName") {
		t.Fatalf("%v; the sealed file holds records in the clear", err)
	}
	found, damaged := s.events(t, admin.AuditQuery{Key: s.key})
	if want := []string{"CreateKey", "DescribeKey", "GenerateDataKey", "Decrypt", "Decrypt"}; len(damaged) > 0 || !slices.Equal(found[:min(4, len(found))], want[:4]) {
		t.Errorf("%q, %q, want %q", found, damaged, want)
	}
	s.again(t) // opens the trail, and the segment of the second start has ended
	s.seal(t)
	for name, o := range map[string]audit.Opener{"no key": nil, "the recovery key": s.recovery} {
		r := s.verify(t, o)
		if !r.Sound() || len(r.Nodes) != 1 || r.Nodes[0].Sealed != 2 || (r.Nodes[0].Closed > 0) != (o == nil) || r.Nodes[0].First != 1 {
			t.Errorf("with %s: %+v", name, r)
		}
	}
	s.close(t)
	sequence := uint64(0)
	for r, err := range audit.RecordsWith(filepath.Join(s.dir, "audit"), s.recovery) {
		if sequence++; err != nil || r.Sequence != sequence {
			t.Fatalf("record %d: %v", r.Sequence, err)
		}
		s.checkService(t, r.JSON)
	}
	if sequence < 8 {
		t.Errorf("the trail has %d records", sequence)
	}
}

// TestSegmentsThatCannotBeOpenedNow: that nobody opens a segment says nothing against
// it, and that its records were not read stands in the report.
func TestSegmentsThatCannotBeOpenedNow(t *testing.T) {
	t.Parallel()
	s := newSealing(t, forTheTrail)
	s.seal(t)
	r := s.verify(t, admin.NewClient(filepath.Join(t.TempDir(), "none")).Opener(t.Context()))
	if n := &r.Nodes[0]; !r.Sound() || n.Closed == 0 || !strings.Contains(n.ClosedWhy, "there is no socket") {
		t.Errorf("%+v", r)
	}
	if why := r.Lacks(time.Time{}, time.Now()); !strings.Contains(why, "not opened: segment 1 of epoch 1") {
		t.Errorf("the report lacks: %q", why)
	}
	// With the file's bytes another thing is wrong, whoever opens it.
	path := s.files(t, ".sealed")[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.verify(t, admin.NewClient(filepath.Join(t.TempDir(), "none")).Opener(t.Context())); r.Sound() {
		t.Error("a changed segment is sound")
	}
}

// checkService checks a record of the trail's own calls.
func (s *sealing) checkService(t *testing.T, record []byte) {
	t.Helper()
	var e struct {
		EventName, SourceIPAddress, RecipientAccountID, EventType string
		UserIdentity                                              struct{ Type, InvokedBy, AccountID string }
		RequestParameters                                         struct{ EncryptionContext map[string]string }
		Resources                                                 []struct{ ARN string }
	}
	if err := json.Unmarshal(record, &e); err != nil {
		t.Fatal(err)
	}
	if e.EventName != "GenerateDataKey" && e.EventName != "Decrypt" {
		return
	}
	context := e.RequestParameters.EncryptionContext
	if e.UserIdentity.Type != "AWSService" || e.UserIdentity.InvokedBy != "cloudtrail.amazonaws.com" || e.UserIdentity.AccountID != "" ||
		e.SourceIPAddress != "cloudtrail.amazonaws.com" || e.RecipientAccountID != "111122223333" || e.EventType != "AwsApiCall" ||
		len(e.Resources) != 1 || e.Resources[0].ARN != s.key || !strings.HasSuffix(context["trent:file"], "/00000001.log") ||
		context["aws:cloudtrail:arn"] != "arn:aws:cloudtrail:eu-west-1:111122223333:trail/trent" {
		t.Errorf("%s", record)
	}
}

// TestSealingPauses: while the key cannot be used segments stay in the clear,
// what is sealed is named as unreadable, and everything goes on when the key can
// be used again.
func TestSealingPauses(t *testing.T) {
	t.Parallel()
	s := newSealing(t, forTheTrail)
	s.seal(t)
	for _, pause := range []struct{ name, stop, stopIn, on, onIn, code string }{
		{"disabled", "DisableKey", `{"KeyId":%q}`, "EnableKey", `{"KeyId":%q}`, "DisabledException"},
		{"pending deletion", "ScheduleKeyDeletion", `{"KeyId":%q}`, "CancelKeyDeletion", `{"KeyId":%q}`, "KMSInvalidStateException"},
		{"denied", "PutKeyPolicy", `{"KeyId":%q,"Policy":` + quoted(strings.Replace(forTheTrail, `["kms:GenerateDataKey*","kms:Decrypt"]`, `"kms:DescribeKey"`, 1)) + `}`,
			"PutKeyPolicy", `{"KeyId":%q,"Policy":` + quoted(forTheTrail) + `}`, "AccessDeniedException"},
	} {
		s.again(t)
		s.owner.must(t, pause.stop, fmt.Sprintf(pause.stopIn, s.key))
		if err := s.TrailKeyUsable(t.Context()); (err == nil) != (pause.name == "denied") {
			t.Errorf("%s: the key's state: %v", pause.name, err)
		}
		s.owner.call("ListKeys", "{}")
		clear := len(s.files(t, ".log"))
		if n, err := s.SealTrail(t.Context()); n != 0 || err == nil || !strings.Contains(err.Error(), pause.code) || len(s.files(t, ".log")) != clear {
			t.Errorf("%s: %d segments, %v", pause.name, n, err)
		}
		if _, damaged := s.events(t, admin.AuditQuery{Operation: "CreateKey"}); len(damaged) == 0 || !strings.Contains(damaged[0], pause.code) {
			t.Errorf("%s: a query does not say that it lacks records: %q", pause.name, damaged)
		}
		s.owner.must(t, pause.on, fmt.Sprintf(pause.onIn, s.key))
		if pause.name == "pending deletion" {
			s.owner.must(t, "EnableKey", object{"KeyId": s.key})
		}
		s.seal(t)
		if found, damaged := s.events(t, admin.AuditQuery{Operation: "CreateKey"}); len(found) != 1 || len(damaged) > 0 {
			t.Errorf("%s: %q, %q", pause.name, found, damaged)
		}
	}
	if r := s.verify(t, s.recovery); !r.Sound() {
		t.Errorf("%+v", r.Findings)
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(b)
}
