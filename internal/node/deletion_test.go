package node_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/destruction"
	"trent/internal/digest"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const day = 24 * time.Hour

// stored reads the store of a closed node.
func (f *fixture) stored(t *testing.T) []store.KV {
	t.Helper()
	f.close(t)
	st, err := sqlite.Open(t.Context(), filepath.Join(f.dir, "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all, _, _, err := st.Range(t.Context(), nil, nil, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// inFiles reports whether any file of the data folder has these bytes.
func (f *fixture) inFiles(t *testing.T, what []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, what)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// tokenOf returns bytes of a key's token as its material record has them.
func tokenOf(t *testing.T, all []store.KV, id string) []byte {
	t.Helper()
	kv := find(all, "eu-west-1/m/111122223333/"+id+"/")
	if len(kv.Value) < 184 {
		t.Fatalf("the material record of %s has %d bytes", id, len(kv.Value))
	}
	return kv.Value[len(kv.Value)-80 : len(kv.Value)-16]
}

func (c caller) encrypt(t *testing.T, id string) string {
	t.Helper()
	return c.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}).str("CiphertextBlob")
}

// deletions counts the DeleteKey events of the trail by key ARN.
func (f *fixture) deletions(t *testing.T) map[string]int {
	t.Helper()
	f.verifyDestructions(t)
	n := map[string]int{}
	for _, r := range f.records(t) {
		if r["eventName"] == "DeleteKey" {
			keys, _ := r["resources"].([]any)
			if len(keys) != 1 || r["eventType"] != "AwsServiceEvent" {
				t.Fatalf("DeleteKey event %v", r)
			}
			n[keys[0].(object)["ARN"].(string)]++
		}
	}
	return n
}

// TestKeyIsDeleted: at the end of its waiting period, not before, a key is gone
// with its aliases, its ciphertexts are nobody's, and no file has its token.
func TestKeyIsDeleted(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 400*day) // a token that is rewrapped goes, too
	c := f.caller("111122223333")
	id, other := c.createKey(t), c.createKey(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	c.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id})
	c.must(t, "CreateAlias", object{"AliasName": "alias/b", "TargetKeyId": other})
	blob, otherBlob := c.encrypt(t, id), c.encrypt(t, other)
	all := f.stored(t)
	token, otherToken := tokenOf(t, all, id), tokenOf(t, all, other)
	f.open(t)

	scheduled := f.now()
	out := c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	date := out.body["DeletionDate"].(float64)
	if want := float64(scheduled.Add(7*day).UnixMilli()) / 1000; date < want || date > want+60 ||
		out.str("KeyId") != arn || out.str("KeyState") != "PendingDeletion" || out.body["PendingWindowInDays"] != 7.0 {
		t.Errorf("ScheduleKeyDeletion answers %v", out.body)
	}
	f.ahead.Add(int64(7*day - time.Hour))
	f.Wake()
	f.close(t) // which waits for the scheduler
	f.open(t)
	if got := c.must(t, "DescribeKey", object{"KeyId": id}); got.str("KeyMetadata", "KeyState") != "PendingDeletion" ||
		got.body["KeyMetadata"].(object)["DeletionDate"] != date {
		t.Errorf("an hour before its end: %v", got.body)
	}
	f.ahead.Add(int64(time.Hour))
	f.Wake()
	waitFor(t, "the key is deleted", func() bool { return c.call("DescribeKey", object{"KeyId": id}).code == "NotFoundException" })

	if got := c.call("DescribeKey", object{"KeyId": id}); got.message != "Key '"+arn+"' does not exist" {
		t.Errorf("DescribeKey: %q", got.message)
	}
	if got := c.call("CancelKeyDeletion", object{"KeyId": id}); got.code != "NotFoundException" {
		t.Errorf("CancelKeyDeletion: %q", got.code)
	}
	if got := c.call("Decrypt", object{"CiphertextBlob": blob}); got.code != "AccessDeniedException" {
		t.Errorf("Decrypt: %q %q", got.code, got.message)
	}
	if got := c.call("DescribeKey", object{"KeyId": "alias/a"}); got.code != "NotFoundException" {
		t.Errorf("by its alias: %q", got.code)
	}
	waitFor(t, "no file has the token", func() bool { return !f.inFiles(t, token) })
	waitFor(t, "its record is gone", func() bool { return len(c.must(t, "ListKeys", "{}").body["Keys"].([]any)) == 1 })
	if aliases := c.must(t, "ListAliases", "{}").body["Aliases"].([]any); len(aliases) != 1 {
		t.Errorf("ListAliases: %v", aliases)
	}
	c.must(t, "Decrypt", object{"CiphertextBlob": otherBlob})
	c.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": other})
	if !f.inFiles(t, otherToken) {
		t.Error("the other key's token is in no file: the scan finds nothing")
	}
	waitFor(t, "nothing is due", func() bool {
		rows, _, _, err := f.Domains.Store.Range(t.Context(), record.DuePrefix("eu-west-1"), record.DueEnd("eu-west-1", f.now()), 10)
		return err == nil && len(rows) == 0
	})
	for _, kv := range f.stored(t) {
		if bytes.Contains(kv.Key, []byte(id)) {
			t.Errorf("left is %s", kv.Key)
		}
	}
	if got := f.deletions(t); len(got) != 1 || got[arn] != 1 {
		t.Errorf("events %v", got)
	}
}

// TestDeletionOutlivesRestarts stops the service again and again while it
// deletes keys: each is deleted once.
func TestDeletionOutlivesRestarts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	const keys = 24
	for range keys {
		c.must(t, "ScheduleKeyDeletion", object{"KeyId": c.createKey(t), "PendingWindowInDays": 7})
	}
	f.ahead.Add(int64(7*day + time.Minute))
	for range 4 {
		f.close(t)
		f.open(t)
	}
	waitFor(t, "the keys are deleted", func() bool { return len(c.must(t, "ListKeys", "{}").body["Keys"].([]any)) == 0 })
	f.close(t)
	got := f.deletions(t)
	for arn, n := range got {
		if n != 1 {
			t.Errorf("%s was deleted %d times", arn, n)
		}
	}
	if len(got) != keys {
		t.Errorf("%d keys have an event, want %d", len(got), keys)
	}
}

// TestCancelAgainstDeletion: a CancelKeyDeletion at the very moment either
// keeps the key whole, or is refused and the key is gone.
func TestCancelAgainstDeletion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	const keys = 24
	var ids, blobs [keys]string
	for i := range keys {
		ids[i] = c.createKey(t)
		blobs[i] = c.encrypt(t, ids[i])
		c.must(t, "ScheduleKeyDeletion", object{"KeyId": ids[i], "PendingWindowInDays": 7})
	}
	f.ahead.Add(int64(7*day + time.Minute))
	f.Wake()
	waitFor(t, "the deletion has begun", func() bool { return c.call("DescribeKey", object{"KeyId": ids[0]}).code == "NotFoundException" })
	var answers [keys]answer
	var all sync.WaitGroup
	for i := keys - 1; i >= 0; i -= 4 { // from the end: the deletion comes from the beginning
		all.Go(func() {
			for j := i; j > i-4; j-- {
				answers[j] = c.call("CancelKeyDeletion", object{"KeyId": ids[j]})
			}
		})
	}
	all.Wait()
	cancelled := 0
	for i, got := range answers {
		switch got.code {
		case "":
			cancelled++
			if state := c.must(t, "DescribeKey", object{"KeyId": ids[i]}).str("KeyMetadata", "KeyState"); state != "Disabled" {
				t.Errorf("after its cancellation a key is %s", state)
			}
			c.must(t, "EnableKey", object{"KeyId": ids[i]})
			c.must(t, "Decrypt", object{"CiphertextBlob": blobs[i]})
		case "NotFoundException":
			if got := c.call("Decrypt", object{"CiphertextBlob": blobs[i]}); got.code != "AccessDeniedException" {
				t.Errorf("a deleted key's ciphertext: %q", got.code)
			}
		default:
			t.Errorf("CancelKeyDeletion: %s %s", got.code, got.message)
		}
	}
	waitFor(t, "the others are deleted", func() bool { return len(c.must(t, "ListKeys", "{}").body["Keys"].([]any)) == cancelled })
	t.Logf("%d of %d were cancelled in time", cancelled, keys)
	f.close(t)
	if got := f.deletions(t); len(got) != keys-cancelled {
		t.Errorf("%d events of %d deletions", len(got), keys-cancelled)
	}
}

// TestRotationAmongDeletions: the next rotation is found however many keys wait
// for their deletion before it.
func TestRotationAmongDeletions(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 400*day)
	f.caller("111122223333").createKey(t) // makes the Region
	before, err := f.Domains.Due(t.Context(), "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	f.close(t)
	st, err := sqlite.Open(t.Context(), filepath.Join(f.dir, "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		var ops []store.Op
		for j := range store.MaxOps {
			at := f.now().Add(7*day + time.Duration(i*store.MaxOps+j)*time.Second)
			ops = append(ops, store.Op{Key: record.DuePath("eu-west-1", at, record.JobDelete, "111122223333", "00000000-0000-4000-8000-000000000000")})
		}
		if ok, _, err := st.Txn(t.Context(), nil, ops); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	f.open(t)
	after, err := f.Domains.Due(t.Context(), "eu-west-1")
	if err != nil || after != before || after.Next.Before(f.now().Add(399*day)) {
		t.Errorf("the next rotation is %v, before it was %v; error %v", after, before, err)
	}
}

// verifyDestructions verifies what the crypto module has signed of each DeleteKey
// event, and that each has it.
func (f *fixture) verifyDestructions(t *testing.T) {
	t.Helper()
	folder := filepath.Join(f.dir, "audit")
	keys, err := digest.TrustedKeys(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	check, events := destruction.Check{Keys: keys}, 0
	for r, err := range audit.Records(folder) {
		if err != nil {
			t.Fatal(err)
		}
		check.Visit(r.JSON)
		if bytes.Contains(r.JSON, []byte(`"eventName":"DeleteKey"`)) {
			events++
			for i := range r.JSON { // nothing of what is signed can be another
				if at := bytes.Index(r.JSON, []byte("keyMaterialIds")); i < at || i > at+120 || i%7 != 0 {
					continue
				}
				changed := bytes.Clone(r.JSON)
				changed[i] ^= 1
				again := destruction.Check{Keys: keys}
				again.Visit(changed)
				if again.Verified != 0 {
					t.Fatalf("changed at byte %d it verifies", i)
				}
			}
		}
	}
	if check.Verified != events || len(check.Wrong) > 0 {
		t.Errorf("of %d destructions %d verify: %v", events, check.Verified, check.Wrong)
	}
}
