package upgrade

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/test/harness"
)

type object = map[string]any

// owners are two accounts in two Regions.
var owners = []harness.Who{
	harness.Default,
	{AccessKey: harness.AccessKey, SecretKey: harness.SecretKey, Region: "us-east-1"},
	{AccessKey: "111122223333", SecretKey: harness.SecretKey, Region: harness.Region},
	{AccessKey: "111122223333", SecretKey: harness.SecretKey, Region: "us-east-1"},
}

// TestFreeze makes the two folders of the present programs, one stopped and
// one killed at work, and checks them as those of earlier releases are. With
// TRENT_FREEZE it leaves them in that folder.
func TestFreeze(t *testing.T) {
	t.Parallel()
	to := os.Getenv("TRENT_FREEZE")
	if to == "" {
		to = t.TempDir()
	} else if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, freeze := range map[string]func(*testing.T, *harness.Server, *folder){"stopped": stopped, "killed": killed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			f := &folder{Commit: commit(t)}
			s := fill(t, data, f)
			freeze(t, s, f)
			archive := filepath.Join(to, name+".tar.gz")
			pack(t, data, archive)
			countRecords(t, archive, f)
			if name == "killed" && len(f.Drained) == 0 {
				t.Log("nothing was left in the outbox; freeze again if that matters")
			}
			if err := f.write(filepath.Join(to, name+".json")); err != nil {
				t.Fatal(err)
			}
			check(t, archive, filepath.Join(to, name+".json"))
		})
	}
}

func commit(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD")
	cmd.Dir = harness.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// fill starts the programs on a new folder and makes keys in every state, some
// before and some after rotations of the domain keys.
func fill(t *testing.T, data string, f *folder) *harness.Server {
	t.Helper()
	s := harness.StartIn(t, data, "--audit", "strict", "--domain-rotation", "1s")
	for _, owner := range owners {
		for _, state := range []string{"Enabled", "Disabled", "PendingDeletion", "Enabled"} {
			f.Keys = append(f.Keys, create(t, s, owner, state))
		}
	}
	rotated := func() bool {
		return bytes.Count(s.Output(), []byte("domain key rotated")) >= 3*len(owners)
	}
	if !harness.Eventually(time.Minute, rotated) {
		t.Fatal("the domain keys are not rotated")
	}
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	later := harness.StartIn(t, data, "--audit", "strict")
	for _, owner := range owners {
		f.Keys = append(f.Keys, create(t, later, owner, "Enabled"))
	}
	for _, k := range f.Keys {
		if k.State == "Enabled" {
			encrypt(t, later, k) // by tokens that were rewrapped
		}
	}
	f.Listing = list(t, later, harness.Default)
	return later
}

// create makes a key with all that a key can have, and brings it into a state.
func create(t *testing.T, s *harness.Server, owner harness.Who, state string) *key {
	t.Helper()
	k := &key{Owner: owner, Description: "made to be " + state + ", äöü", Tags: map[string]string{"ward": "7", "Ward": "8", "cost centre/ä": ""}}
	metadata := s.MustAs(t, owner, "CreateKey", object{
		"Description": k.Description, "Tags": []object{{"TagKey": "ward", "TagValue": "7"}, {"TagKey": "Ward", "TagValue": "8"}},
	})["KeyMetadata"].(object)
	k.ID, k.ARN, k.CreationDate = metadata["KeyId"].(string), metadata["Arn"].(string), metadata["CreationDate"].(float64)
	s.MustAs(t, owner, "TagResource", object{"KeyId": k.ID, "Tags": []object{{"TagKey": "cost centre/ä", "TagValue": ""}}})
	for _, name := range []string{"alias/" + state + "-" + k.ID, "alias/of/" + k.ID} {
		s.MustAs(t, owner, "CreateAlias", object{"AliasName": name, "TargetKeyId": k.ID})
		k.Aliases = append(k.Aliases, name)
	}
	k.Policy = s.MustAs(t, owner, "GetKeyPolicy", object{"KeyId": k.ID})["Policy"].(string)
	encrypt(t, s, k)
	switch state {
	case "Disabled":
		s.MustAs(t, owner, "DisableKey", object{"KeyId": k.ID})
	case "PendingDeletion":
		k.DeletionDate = s.MustAs(t, owner, "ScheduleKeyDeletion", object{"KeyId": k.ID, "PendingWindowInDays": 30})["DeletionDate"].(float64)
	}
	k.State = state
	return k
}

// encrypt adds ciphertexts: with and without a context, of a data key, the
// largest and the smallest.
func encrypt(t *testing.T, s *harness.Server, k *key) {
	t.Helper()
	context := map[string]string{"dept": "hr", "äöü": "", "a": "bc"}
	for _, b := range []blob{
		{By: "Encrypt", Plaintext: []byte("of " + k.ID)},
		{By: "Encrypt", Plaintext: []byte{0}, Context: context},
		{By: "GenerateDataKey", Context: context},
	} {
		in := object{"KeyId": k.ID}
		if b.Context != nil {
			in["EncryptionContext"] = b.Context
		}
		if b.Plaintext != nil {
			in["Plaintext"] = b.Plaintext
		} else {
			in["KeySpec"] = "AES_256"
		}
		out := s.MustAs(t, k.Owner, b.By, in)
		b.Ciphertext = decoded(t, out["CiphertextBlob"])
		if b.Plaintext == nil {
			b.Plaintext = decoded(t, out["Plaintext"])
		}
		k.Blobs = append(k.Blobs, b)
	}
}

func decoded(t *testing.T, text any) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// list reads a page of a caller's keys and what comes after it.
func list(t *testing.T, s *harness.Server, owner harness.Who) listing {
	t.Helper()
	page := s.MustAs(t, owner, "ListKeys", object{"Limit": 2})
	l := listing{Owner: owner, NextMarker: page["NextMarker"].(string)}
	l.Rest = keyIDs(s.MustAs(t, owner, "ListKeys", object{"Marker": l.NextMarker}))
	return l
}

func keyIDs(page object) (ids []string) {
	for _, entry := range page["Keys"].([]any) {
		ids = append(ids, entry.(object)["KeyId"].(string))
	}
	return ids
}

// stopped ends the server as an operator does.
func stopped(t *testing.T, s *harness.Server, _ *folder) {
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// killed ends the server while many create keys, so that the write-ahead log,
// the outbox and the trail are left as they are in the middle of writing. Keys
// whose creation was answered are added to the folder.
func killed(t *testing.T, s *harness.Server, f *folder) {
	const writers, enough = 16, 60
	var mu sync.Mutex
	var all sync.WaitGroup
	plenty := make(chan struct{})
	created := 0
	for writer := range writers {
		all.Go(func() {
			owner := owners[writer%len(owners)]
			for {
				k, ok := tryCreate(t, s, owner)
				if !ok {
					return
				}
				mu.Lock()
				f.Keys = append(f.Keys, k)
				if created++; created == enough {
					close(plenty)
				}
				mu.Unlock()
			}
		})
	}
	<-plenty
	s.Kill()
	all.Wait()
}

// tryCreate makes a key, unless the server dies over it.
func tryCreate(t *testing.T, s *harness.Server, owner harness.Who) (*key, bool) {
	k := &key{Owner: owner, State: "Enabled", Description: "written before the end"}
	req := s.HTTPRequest(t, harness.Request{Operation: "CreateKey", Who: owner, Body: harness.Marshal(object{"Description": k.Description})})
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return nil, false
	}
	metadata := (&harness.Response{Body: body.Bytes()}).JSON(t)["KeyMetadata"].(object)
	k.ID, k.ARN, k.CreationDate = metadata["KeyId"].(string), metadata["Arn"].(string), metadata["CreationDate"].(float64)
	return k, true
}

// countRecords lets the programs open a copy and close it again, and tells what
// was in the trail from what came to it out of the outbox. That comes before
// the record of the one request.
func countRecords(t *testing.T, archive string, f *folder) {
	t.Helper()
	s := harness.StartIn(t, unpack(t, archive), "--audit", "strict")
	const request = "ListKeys"
	s.Must(t, request, object{})
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	const starts = 2 // of the programs before the copy was made, each with an epoch
	for _, r := range records {
		switch {
		case r.Epoch <= starts:
			f.Records, f.LastHash = r.Sequence, r.Hash[:]
		case r.Text("eventName") != request:
			f.Drained = append(f.Drained, r.Text("eventID"))
		}
	}
	if f.Records == 0 {
		t.Fatalf("no records in %s", archive)
	}
}
