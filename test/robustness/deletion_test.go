package robustness

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

// TestKilledAtDueTime kills the service again and again at the time at which
// many keys are due for deletion, wherever it is then. In the end each is
// deleted once, with its aliases, and its ciphertexts are nobody's. That its
// token is in no file, at each point of a deletion, is tested beside the node.
func TestKilledAtDueTime(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	const keys = 60
	type doomed struct{ id, arn, alias, blob string }
	var due []doomed
	for i := range keys + 1 {
		d := doomed{alias: "alias/due-" + strconv.Itoa(i)}
		d.id, d.arn = s.CreateKey(t, harness.Default)
		s.Must(t, "CreateAlias", object{"AliasName": d.alias, "TargetKeyId": d.id})
		d.blob = s.Must(t, "Encrypt", object{"KeyId": d.id, "Plaintext": "AA=="})["CiphertextBlob"].(string)
		due = append(due, d)
	}
	kept := due[keys]
	due = due[:keys]
	for _, d := range due {
		s.Must(t, "ScheduleKeyDeletion", object{"KeyId": d.id, "PendingWindowInDays": 7})
	}
	there := func(d doomed) bool {
		return s.Do(t, harness.Request{Operation: "DescribeKey", Body: harness.Marshal(object{"KeyId": d.id})}).Status == http.StatusOK
	}
	for kill := range harness.Rounds(4, 40) {
		moved := make(chan error, 1)
		go func() { moved <- moveClock(s, "8d") }()
		// Some kills come before the first key is gone, some when many are.
		if n := rand.N(keys); kill > 0 && there(due[n]) {
			harness.Eventually(time.Second, func() bool { return !there(due[n]) })
		}
		s.Kill()
		<-moved // its answer, or that there is none
		s.Restart()
	}
	if err := moveClock(s, "8d"); err != nil {
		t.Fatal(err)
	}
	for _, d := range due {
		checkError(t, s.Do(t, harness.Request{Operation: "DescribeKey", Body: harness.Marshal(object{"KeyId": d.id})}), 400, notFound, "Key '"+d.arn+"' does not exist")
		checkError(t, s.Do(t, harness.Request{Operation: "DescribeKey", Body: harness.Marshal(object{"KeyId": d.alias})}), 400, notFound,
			"Alias "+strings.TrimSuffix(d.arn, "key/"+d.id)+d.alias+" is not found.")
		checkError(t, s.Do(t, harness.Request{Operation: "Decrypt", Body: harness.Marshal(object{"CiphertextBlob": d.blob})}), 400, accessDenied,
			"User: "+root+" is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because…")
	}
	s.Must(t, "Decrypt", object{"CiphertextBlob": kept.blob})
	s.Must(t, "DescribeKey", object{"KeyId": kept.alias})
	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order")
	}
	deletions := map[string]int{}
	for _, r := range mustReadAudit(t, s.Data) {
		if r.Text("eventName") == "DeleteKey" {
			deletions[r.Keys()[0]]++
		}
	}
	for _, d := range due {
		if deletions[d.arn] != 1 {
			t.Errorf("the trail has %d deletions of a key", deletions[d.arn])
		}
		if inFiles(t, filepath.Join(s.Data, "store"), d.id) {
			t.Errorf("a file of the store has the id of a key that is deleted")
		}
	}
	if len(deletions) != keys || !inFiles(t, filepath.Join(s.Data, "store"), kept.id) {
		t.Errorf("%d keys were deleted, want %d and not the kept one", len(deletions), keys)
	}
}

// moveClock moves the server's clock, and returns when what is due then is done.
func moveClock(s *harness.Server, by string) error {
	res, err := http.Post(s.URL+"/_trent/clock", "application/json", strings.NewReader(`{"advance":"`+by+`"}`))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		return fmt.Errorf("POST /_trent/clock: %s: %s", res.Status, body)
	}
	return nil
}

func mustReadAudit(t *testing.T, data string) []harness.AuditRecord {
	t.Helper()
	records, err := harness.ReadAudit(data)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// inFiles reports whether a file of a folder has a text.
func inFiles(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if at := bytes.Index(b, []byte(text)); at >= 0 {
			found = true
			t.Logf("%s, at %d: %q", path, at, b[max(0, at-300):min(len(b), at+300)])
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}
