package upgrade

import (
	"bytes"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

// TestUpgrade opens every frozen folder with the present programs.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join("testdata", "*", "*.tar.gz"))
	if err != nil || len(archives) < 2 {
		t.Fatalf("%d frozen folders, %v", len(archives), err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(archive, ".tar.gz")
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			check(t, archive, name+".json")
		})
	}
}

// check opens a copy of a frozen folder, reads all that it holds, works on it,
// and does so again after a stop and after a kill.
func check(t *testing.T, archive, expectations string) {
	t.Helper()
	f := readFolder(t, expectations)
	s := harness.StartIn(t, unpack(t, archive), "--audit", "strict")
	read(t, s, f)
	work(t, s, f)
	read(t, s, f)
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	after := trail(t, s, f)
	s.Restart()
	read(t, s, f)
	s.Kill()
	s.Restart()
	read(t, s, f)
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if more := trail(t, s, f); more <= after {
		t.Errorf("the trail has %d records, and had %d before", more, after)
	}
}

// TestUpgradeLate opens every frozen folder and sets the clock to the day after
// its last waiting period: what is pending deletion goes, by a schedule that
// an earlier release wrote, and everything else stays.
func TestUpgradeLate(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join("testdata", "*", "*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(archive, ".tar.gz")
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			f := readFolder(t, name+".json")
			s := harness.StartIn(t, unpack(t, archive))
			ahead := 31 * 24 * time.Hour // 30 days is the longest period
			res, err := http.Post(s.URL+"/_trent/clock", "application/json", strings.NewReader(harness.Marshal(object{"advance": ahead.String()})))
			if err != nil {
				t.Fatal(err)
			}
			if got := harness.ReadResponse(t, res); got.Status != http.StatusOK {
				t.Fatalf("POST /_trent/clock: %d %s", got.Status, got.Body)
			}
			readAt(t, s, f, time.Now().Add(ahead))
		})
	}
}

// read checks every key, alias, tag, policy and ciphertext.
func read(t *testing.T, s *harness.Server, f *folder) {
	t.Helper()
	readAt(t, s, f, time.Now())
}

// readAt is read on a server whose clock says now.
func readAt(t *testing.T, s *harness.Server, f *folder, now time.Time) {
	t.Helper()
	for _, k := range f.Keys {
		if k.DeletionDate != 0 && now.Unix() >= int64(k.DeletionDate) {
			deleted(t, s, k)
			continue
		}
		metadata := s.MustAs(t, k.Owner, "DescribeKey", object{"KeyId": k.ARN})["KeyMetadata"].(object)
		if metadata["KeyState"] != k.State || metadata["Description"] != k.Description || metadata["CreationDate"] != k.CreationDate || metadata["Arn"] != k.ARN {
			t.Errorf("%v, want %+v", metadata, k)
		}
		if date, _ := metadata["DeletionDate"].(float64); date != k.DeletionDate {
			t.Errorf("DeletionDate %v, want %v", date, k.DeletionDate)
		}
		readParts(t, s, k)
		for _, b := range k.Blobs {
			decrypt(t, s, k, b)
		}
	}
	l := f.Listing
	// Keys of the page may be deleted by now, and others be there that were
	// committed when the server was killed.
	rest := keyIDs(s.MustAs(t, l.Owner, "ListKeys", object{"Marker": l.NextMarker}))
	for _, k := range f.Keys {
		if k.DeletionDate == 0 && slices.Contains(l.Rest, k.ID) && !slices.Contains(rest, k.ID) {
			t.Errorf("after the frozen marker come %v, without %s", rest, k.ID)
		}
	}
}

// readParts checks a key's tags, aliases and policy.
func readParts(t *testing.T, s *harness.Server, k *key) {
	t.Helper()
	got := map[string]string{}
	for _, tag := range s.MustAs(t, k.Owner, "ListResourceTags", object{"KeyId": k.ID})["Tags"].([]any) {
		got[tag.(object)["TagKey"].(string)] = tag.(object)["TagValue"].(string)
	}
	if !maps.Equal(got, k.Tags) {
		t.Errorf("%s has the tags %v, want %v", k.ID, got, k.Tags)
	}
	aliases := s.MustAs(t, k.Owner, "ListAliases", object{"KeyId": k.ID})["Aliases"].([]any)
	if len(aliases) != len(k.Aliases) {
		t.Errorf("%s has the aliases %v, want %v", k.ID, aliases, k.Aliases)
	}
	for _, name := range k.Aliases {
		if id := s.MustAs(t, k.Owner, "DescribeKey", object{"KeyId": name})["KeyMetadata"].(object)["KeyId"]; id != k.ID {
			t.Errorf("%s is %v, want %s", name, id, k.ID)
		}
	}
	policy := s.MustAs(t, k.Owner, "GetKeyPolicy", object{"KeyId": k.ID})["Policy"].(string)
	if k.Policy != "" && policy != k.Policy {
		t.Errorf("%s has the policy %s, want %s", k.ID, policy, k.Policy)
	}
}

// decrypt opens a frozen ciphertext, or is refused as the key's state asks.
func decrypt(t *testing.T, s *harness.Server, k *key, b blob) {
	t.Helper()
	in := object{"CiphertextBlob": b.Ciphertext}
	if b.Context != nil {
		in["EncryptionContext"] = b.Context
	}
	res := s.Do(t, harness.Request{Operation: "Decrypt", Who: k.Owner, Body: harness.Marshal(in)})
	refusal, refused := map[string]string{"Disabled": "DisabledException", "PendingDeletion": "KMSInvalidStateException"}[k.State]
	switch {
	case refused:
		if res.Type != refusal {
			t.Errorf("Decrypt with a key that is %s: %d %s", k.State, res.Status, res.Body)
		}
	case res.Status != http.StatusOK:
		t.Errorf("Decrypt of what %s gave for %s: %d %s", b.By, k.ID, res.Status, res.Body)
	default:
		if out := res.JSON(t); !bytes.Equal(decoded(t, out["Plaintext"]), b.Plaintext) || out["KeyId"] != k.ARN {
			t.Errorf("Decrypt gives %v", out)
		}
	}
}

// deleted: a key whose date has passed since it was frozen goes when the folder
// is opened.
func deleted(t *testing.T, s *harness.Server, k *key) {
	t.Helper()
	gone := func() bool {
		res := s.Do(t, harness.Request{Operation: "DescribeKey", Who: k.Owner, Body: harness.Marshal(object{"KeyId": k.ID})})
		return res.Type == "NotFoundException"
	}
	if !harness.Eventually(time.Minute, gone) {
		t.Errorf("%s is past its deletion date, and still there", k.ID)
	}
	for _, b := range k.Blobs {
		res := s.Do(t, harness.Request{Operation: "Decrypt", Who: k.Owner, Body: harness.Marshal(object{"CiphertextBlob": b.Ciphertext})})
		if res.Type != "AccessDeniedException" {
			t.Errorf("Decrypt with a deleted key: %d %s", res.Status, res.Body)
		}
	}
}

// work changes what a folder holds, key by key, and expects it so from then on.
func work(t *testing.T, s *harness.Server, f *folder) {
	t.Helper()
	for _, k := range f.Keys {
		if len(k.Blobs) == 0 || k.DeletionDate != 0 && time.Now().Add(time.Hour).Unix() >= int64(k.DeletionDate) {
			continue // made while the server was killed, or about to go
		}
		if k.State == "Enabled" {
			s.MustAs(t, k.Owner, "ScheduleKeyDeletion", object{"KeyId": k.ID})
			k.State = "PendingDeletion"
		}
		if k.State == "PendingDeletion" {
			s.MustAs(t, k.Owner, "CancelKeyDeletion", object{"KeyId": k.ID})
			k.State, k.DeletionDate = "Disabled", 0
		}
		s.MustAs(t, k.Owner, "EnableKey", object{"KeyId": k.ID})
		k.State = "Enabled"

		k.Description = "opened by another release"
		s.MustAs(t, k.Owner, "UpdateKeyDescription", object{"KeyId": k.ID, "Description": k.Description})
		s.MustAs(t, k.Owner, "UntagResource", object{"KeyId": k.ID, "TagKeys": []string{"Ward"}})
		s.MustAs(t, k.Owner, "TagResource", object{"KeyId": k.ID, "Tags": []object{{"TagKey": "ward", "TagValue": "9"}}})
		delete(k.Tags, "Ward")
		k.Tags["ward"] = "9"
		s.MustAs(t, k.Owner, "DeleteAlias", object{"AliasName": k.Aliases[0]})
		k.Aliases = append(k.Aliases[1:], "alias/new/"+k.ID)
		s.MustAs(t, k.Owner, "CreateAlias", object{"AliasName": "alias/new/" + k.ID, "TargetKeyId": k.ID})

		old := k.Blobs[0]
		out := s.MustAs(t, k.Owner, "ReEncrypt", object{"CiphertextBlob": old.Ciphertext, "DestinationKeyId": k.Aliases[0]})
		k.Blobs = append(k.Blobs, blob{By: "ReEncrypt", Plaintext: old.Plaintext, Ciphertext: decoded(t, out["CiphertextBlob"])})
		encrypt(t, s, k)
	}
	id, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "UpdateAlias", object{"AliasName": f.Keys[0].Aliases[0], "TargetKeyId": id})
	s.Must(t, "UpdateAlias", object{"AliasName": f.Keys[0].Aliases[0], "TargetKeyId": f.Keys[0].ID})
}

// trail checks the audit trail: it is the frozen one, then each event of the
// frozen outbox once, then more. It returns how many records there are.
func trail(t *testing.T, s *harness.Server, f *folder) int {
	t.Helper()
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) <= int(f.Records) {
		t.Fatalf("the trail has %d records, and had %d when it was frozen", len(records), f.Records)
	}
	if hash := harness.Numbered(records, f.Records).Hash; !bytes.Equal(hash[:], f.LastHash) {
		t.Errorf("record %d has the hash %x, want %x", f.Records, hash, f.LastHash)
	}
	count := map[string]int{}
	for _, r := range records {
		count[r.Text("eventID")]++
	}
	for _, id := range f.Drained {
		if count[id] != 1 {
			t.Errorf("event %s of the outbox has %d records", id, count[id])
		}
	}
	return len(records)
}
