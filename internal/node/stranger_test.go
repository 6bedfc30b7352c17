package node_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/store/sqlite"
)

// TestNoAnswerWithoutARecord: while the trail takes nothing, every call fails,
// and no plaintext, key or ciphertext leaves.
func TestNoAnswerWithoutARecord(t *testing.T) {
	t.Parallel()
	for _, mode := range []audit.Mode{audit.NoWait, audit.Relaxed, audit.Strict} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.close(t)
			f.audit = mode
			f.open(t)
			c := f.caller("111122223333")
			id := c.createKey(t)
			blob := c.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}).str("CiphertextBlob")
			if err := f.CloseTrail(); err != nil {
				t.Fatal(err)
			}
			for op, in := range map[string]object{
				"Decrypt":         {"CiphertextBlob": blob},
				"Encrypt":         {"KeyId": id, "Plaintext": []byte("x")},
				"GenerateDataKey": {"KeyId": id, "KeySpec": "AES_256"},
				"GenerateRandom":  {"NumberOfBytes": 16},
				"DescribeKey":     {"KeyId": id},
				"ListKeys":        {},
			} {
				got := c.call(op, in)
				if got.status != 500 || got.code != "KMSInternalException" || len(got.body) != 2 {
					t.Errorf("%s: %d %v", op, got.status, got.body)
				}
			}
			if err := f.Node.Close(); !errors.Is(err, audit.ErrClosed) {
				t.Errorf("close: %v", err)
			}
			f.child.Close()
			f.Node = nil
		})
	}
}

// TestLargeRequestsAreRecorded: a call does not escape its record by being large.
func TestLargeRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	got := c.call("CreateKey", object{"Description": strings.Repeat("d", 1_050_000)})
	if got.code != "ValidationException" {
		t.Errorf("%s %.100s", got.code, got.message)
	}
	f.close(t)
	records := f.records(t)
	if len(records) != 1 || records[0]["errorCode"] != "ValidationException" {
		t.Fatalf("%d records", len(records))
	}
	if in, _ := records[0]["requestParameters"].(object); in["omitted"] != true {
		t.Errorf("request parameters %.200v", in)
	}
}

// TestStrangersMakeNothing: without the secret no account, access key or Region
// comes to be, in the store or in the module.
func TestStrangersMakeNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 30 {
		c := caller{f, fmt.Sprintf("%012d", i), "guess", fmt.Sprintf("xx-guess-%d", i+1)}
		if got := c.call("ListKeys", "{}"); got.code != "InvalidSignatureException" {
			t.Errorf("%s %s", got.code, got.message)
		}
	}
	if got := (caller{f, "AKIAIOSFODNN7EXAMPLE", "guess", "xx-guess-1"}).call("ListKeys", "{}"); got.code != "UnrecognizedClientException" {
		t.Errorf("%s %s", got.code, got.message)
	}
	if names := f.Domains.Names(); len(names) != 1 {
		t.Errorf("Regions %v", names)
	}
	f.close(t)
	st, err := sqlite.Open(t.Context(), filepath.Join(f.dir, "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all, _, _, err := st.Range(t.Context(), nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range all {
		if k := string(kv.Key); strings.Contains(k, "/id/") || !strings.HasPrefix(k, "global/") {
			t.Errorf("the store has %s", k)
		}
	}
	named := 0
	for _, r := range f.records(t) {
		extra, _ := r["additionalEventData"].(object)
		if id, _ := extra["claimedAccessKeyId"].(string); id != "" {
			named++
		}
	}
	if named == 0 {
		t.Error("no record tells which access key was claimed")
	}
}

// TestStrangersMessagesAreShort: what a stranger sends is repeated in part only.
func TestStrangersMessagesAreShort(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat("9", 10_000)
	r := f.caller("111122223333").request("ListKeys", "{}", time.Now())
	r.Header["Authorization"] = []string{"AWS4-HMAC-SHA256 Credential=" + long + ", SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + strings.Repeat("0", 64)}
	r.Header["User-Agent"] = []string{long}
	got := f.Pipeline.Serve(t.Context(), &r, nil)
	if got.Status != 400 || len(got.Body) > 1000 {
		t.Errorf("%d, %d bytes", got.Status, len(got.Body))
	}
	f.close(t)
	for _, r := range f.records(t) {
		if agent, _ := r["userAgent"].(string); len(agent) > 1<<10 {
			t.Errorf("a user agent of %d bytes is recorded", len(agent))
		}
	}
}
