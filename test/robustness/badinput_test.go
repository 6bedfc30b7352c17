package robustness

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/notyet"
	"trent/test/harness"
)

// A badInput is a correctly signed request that must fail with one error, and
// change nothing.
type badInput struct {
	name, operation string
	body            string // JSON as sent
	who             harness.Who
	code            string
	// message is the whole text; "" means that it is absent. One that ends in
	// "…" is a beginning.
	message string
}

// A world is what the rows refer to.
type world struct {
	key, arn           string // the key of most rows
	other, otherARN    string
	disabled           string
	disabledARN        string
	pending            string // a key pending deletion
	pendingARN         string
	ofPending          string // base64
	blob               []byte // of key, under the context {"a":"b"}
	ofDisabled         string // base64
	ofAccount          string // base64, a ciphertext of another account
	foreignARN         string // that account's key
	elsewhereARN       string // a key of another Region
	ofRegion           string // base64, its ciphertext
	account            string // prefix of a key ARN: arn:aws:kms:REGION:ACCOUNT:
	stranger, abroad   harness.Who
	unknown, unmatched string // key ids that are none
	kinds              *kinds
	inStates           map[string]inState // by operation on these kinds
}

func newWorld(t *testing.T, s *harness.Server) *world {
	w := &world{
		account:  "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":",
		stranger: harness.Who{AccessKey: "111122223333", SecretKey: harness.SecretKey, Region: harness.Region},
		abroad:   harness.Who{AccessKey: harness.AccessKey, SecretKey: harness.SecretKey, Region: "us-west-2"},
		unknown:  "11111111-2222-4333-8444-555555555555",
	}
	w.unmatched = strings.ReplaceAll(w.unknown, "-", "")
	w.key, w.arn = s.CreateKey(t, harness.Default)
	w.kinds, w.inStates = newKinds(t, s), newInStates(t, s)
	w.other, w.otherARN = s.CreateKey(t, harness.Default)
	w.disabled, w.disabledARN = s.CreateKey(t, harness.Default)
	encrypt := func(who harness.Who, key string, context object) string {
		in := object{"KeyId": key, "Plaintext": "c2VjcmV0", "EncryptionContext": context}
		return s.MustAs(t, who, "Encrypt", in)["CiphertextBlob"].(string)
	}
	var err error
	if w.blob, err = base64.StdEncoding.DecodeString(encrypt(harness.Default, w.key, object{"a": "b"})); err != nil {
		t.Fatal(err)
	}
	w.ofDisabled = encrypt(harness.Default, w.disabled, object{})
	s.Must(t, "DisableKey", object{"KeyId": w.disabled})
	w.pending, w.pendingARN = s.CreateKey(t, harness.Default)
	w.ofPending = encrypt(harness.Default, w.pending, object{})
	s.Must(t, "ScheduleKeyDeletion", object{"KeyId": w.pending})
	var foreign string
	foreign, w.foreignARN = s.CreateKey(t, w.stranger)
	w.ofAccount = encrypt(w.stranger, foreign, object{})
	var elsewhere string
	elsewhere, w.elsewhereARN = s.CreateKey(t, w.abroad)
	w.ofRegion = encrypt(w.abroad, elsewhere, object{})
	s.Must(t, "CreateAlias", object{"AliasName": "alias/taken", "TargetKeyId": w.key})
	s.Must(t, "TagResource", object{"KeyId": w.key, "Tags": []object{{"TagKey": "tagged", "TagValue": "v"}}})
	return w
}

// state is everything that a client can see of a server, for a comparison.
func (w *world) state(t *testing.T, s *harness.Server) string {
	var b strings.Builder
	for _, who := range []harness.Who{harness.Default, w.stranger, w.abroad} {
		for _, entry := range s.MustAs(t, who, "ListKeys", object{"Limit": 1000})["Keys"].([]any) {
			for _, operation := range []string{"DescribeKey", "GetKeyPolicy", "ListResourceTags", "ListGrants"} {
				b.Write(s.Do(t, harness.Request{Operation: operation, Who: who, Body: harness.Marshal(object{"KeyId": entry.(object)["KeyId"]})}).Body)
				b.WriteByte('\n')
			}
		}
		b.Write(s.Do(t, harness.Request{Operation: "ListAliases", Who: who}).Body)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestBadInput sends each row and compares status, code and message with what
// AWS answers; then: nothing has changed, the audit trail has each failure
// once, and the server lives.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	w := newWorld(t, s)
	rows := slices.Concat(w.constraints(), w.identifiers(), w.ciphertexts(), w.states(), w.pendingDeletion(), w.manage(), w.grants(), w.ofKinds(), w.serialization())
	covers(t, rows)
	before := w.state(t, s)
	failures := map[string]*harness.Response{} // by request id
	for _, row := range rows {
		t.Run(row.operation+", "+row.name, func(t *testing.T) {
			res := s.Do(t, harness.Request{Operation: row.operation, Body: row.body, Who: row.who})
			checkError(t, res, http.StatusBadRequest, row.code, row.message)
			failures[res.Header.Get("X-Amzn-Requestid")] = res
		})
	}
	if after := w.state(t, s); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
	if !s.Alive() || s.Stop() != 0 {
		t.Errorf("the server did not live to its end")
	}
	recordedOnce(t, s.Data, failures)
}

// covers checks that every operation that works has a row.
func covers(t *testing.T, rows []badInput) {
	t.Helper()
	for _, op := range api.Ops() {
		if notyet.Works(op) && !slices.ContainsFunc(rows, func(r badInput) bool { return r.operation == op.String() }) {
			t.Errorf("%s has no row of bad input", op)
		}
	}
}

func checkError(t testing.TB, res *harness.Response, status int, code, message string) {
	t.Helper()
	if res.Status != status || res.Type != code {
		t.Errorf("got %d %.500s\nwant %d %s %s", res.Status, res.Body, status, code, message)
		return
	}
	beginning, partial := strings.CutSuffix(message, "…")
	switch {
	case message == "" && res.HasMessage:
		t.Errorf("got the message %q, want none", res.Message)
	case partial && !strings.HasPrefix(res.Message, beginning):
		t.Errorf("got the message\n     %.2000q, want one that begins\n     %q", res.Message, beginning)
	case !partial && res.Message != message:
		t.Errorf("got the message\n     %.2000q, want\n     %q", res.Message, message)
	}
}

// recordedOnce checks that each failure stands in the audit trail once, as the
// client saw it.
func recordedOnce(t *testing.T, data string, failures map[string]*harness.Response) {
	t.Helper()
	records, err := harness.ReadAudit(data)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range records {
		id := r.Text("requestID")
		seen[id]++
		if res := failures[id]; res != nil && (r.Text("errorCode") != res.Type || r.Text("errorMessage") != res.Message) {
			t.Errorf("the client saw %s, the trail has %s: %s", res.Body, r.Text("errorCode"), r.Text("errorMessage"))
		}
	}
	for id, res := range failures {
		if seen[id] != 1 {
			t.Errorf("the trail has request %s, %s, %d times", id, res.Type, seen[id])
		}
	}
}
