package node_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/backup"
	"trent/internal/domains"
	"trent/internal/hsm/server/servertest"
	"trent/internal/identity"
	"trent/internal/node"
)

var backupOperator = identity.Operator{UID: 1000, Name: "ops"}

func (f *fixture) backup(t *testing.T) ([]byte, *backup.Manifest) {
	t.Helper()
	var b bytes.Buffer
	if err := f.Backup(t.Context(), backupOperator, &b); err != nil {
		t.Fatal(err)
	}
	sealed, err := backup.Verify(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), &sealed.Manifest
}

// restored is a fixture on a new folder that a backup fills, with the same key
// file.
func (f *fixture) restored(t *testing.T, file []byte) *fixture {
	t.Helper()
	r := &fixture{dir: filepath.Join(t.TempDir(), "data"), args: f.args, rotate: f.rotate, audit: f.audit}
	if _, err := node.Restore(t.Context(), r.config(t), backupOperator, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	r.child.Close()
	r.open(t)
	t.Cleanup(func() { r.close(t) })
	return r
}

// blobOf is a key with a ciphertext under it.
type blobOf struct{ key, blob string }

func (c caller) newBlob(t *testing.T) blobOf {
	t.Helper()
	key := c.createKey(t)
	return blobOf{key, c.must(t, "Encrypt", object{"KeyId": key, "Plaintext": []byte(key)}).str("CiphertextBlob")}
}

func (c caller) opens(t *testing.T, b blobOf) {
	t.Helper()
	got := c.call("Decrypt", object{"CiphertextBlob": b.blob})
	if got.str("Plaintext") != base64.StdEncoding.EncodeToString([]byte(b.key)) {
		t.Errorf("Decrypt with %s: %s %s %v", b.key, got.code, got.message, got.body)
	}
}

// TestBackupUnderLoad: while clients create keys and domain keys are rotated,
// backups are taken; whatever was answered before one began decrypts from its
// copy, and from the original.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var mu sync.Mutex
	var answered []blobOf
	var clients sync.WaitGroup
	stop, enough := make(chan struct{}), make(chan struct{})
	for client := range 8 {
		c := caller{f, []string{"111122223333", "444455556666"}[client%2], "test", []string{"eu-west-1", "us-east-1"}[client/2%2]}
		clients.Go(func() {
			for {
				b := c.newBlob(t)
				mu.Lock()
				if answered = append(answered, b); len(answered) == 100 {
					close(enough)
				}
				mu.Unlock()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	<-enough
	if err := f.Domains.Rotate(t.Context(), "eu-west-1"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	before := answered
	mu.Unlock()
	file, m := f.backup(t)
	close(stop)
	clients.Wait()
	if _, err := f.Domains.Rewrap(t.Context(), "eu-west-1"); err != nil {
		t.Error(err)
	}

	copied := f.restored(t, file)
	for _, at := range []*fixture{copied, f} {
		for _, b := range before {
			c := at.ownerOf(t, b)
			c.opens(t, b)
		}
		at.caller("111122223333").newBlob(t) // both go on
	}
	if keys := m.Contents.Keys(); keys < uint64(len(before)) {
		t.Errorf("the manifest counts %d keys, and %d were answered", keys, len(before))
	}
	head := f.recordsUpTo(t, m)
	copied.beginsWithRestore(t, m, head)
}

// ownerOf is the caller whose key that is.
func (f *fixture) ownerOf(t *testing.T, b blobOf) caller {
	t.Helper()
	for _, account := range []string{"111122223333", "444455556666"} {
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			c := caller{f, account, "test", region}
			if c.call("DescribeKey", object{"KeyId": b.key}).code == "" {
				return c
			}
		}
	}
	t.Fatalf("key %s is nowhere", b.key)
	return caller{}
}

// recordsUpTo closes the node and checks that the head of a backup is a record
// of its trail. It returns the record's hash.
func (f *fixture) recordsUpTo(t *testing.T, m *backup.Manifest) (hash [32]byte) {
	t.Helper()
	f.close(t)
	for r, err := range audit.Records(filepath.Join(f.dir, "audit")) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Sequence == m.Head.Sequence {
			hash = r.Hash
		}
	}
	if !bytes.Equal(hash[:], m.Head.Hash) {
		t.Errorf("record %d has the hash %x, and the backup's head %x", m.Head.Sequence, hash, m.Head.Hash)
	}
	return hash
}

// beginsWithRestore closes the node and checks that its trail begins with the
// restore, which names the head of the old one.
func (f *fixture) beginsWithRestore(t *testing.T, m *backup.Manifest, head [32]byte) {
	t.Helper()
	f.close(t)
	first := f.records(t)[0]
	parameters, _ := first["requestParameters"].(object)
	for name, want := range map[string]any{
		"auditHash": hex.EncodeToString(head[:]), "auditSequence": fmt.Sprint(m.Head.Sequence), "auditNode": hex.EncodeToString(m.Contents.Node),
		"revision": fmt.Sprint(m.Contents.Revision), "storeId": hex.EncodeToString(m.Contents.StoreID),
	} {
		if parameters[name] != want {
			t.Errorf("the first record has %s %v, want %v", name, parameters[name], want)
		}
	}
	user, _ := first["userIdentity"].(object)
	if first["eventName"] != "RestoreBackup" || user["userName"] != backupOperator.Name {
		t.Errorf("the first record is %v", first)
	}
}

// TestRestoreIsRefused: with another module's key file, in production, and of a
// backup that somebody else made.
func TestRestoreIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.caller("111122223333").newBlob(t)
	file, _ := f.backup(t)
	into := func(args []string, dev bool) error {
		r := &fixture{dir: filepath.Join(t.TempDir(), "data"), args: args, rotate: f.rotate, audit: f.audit}
		c := r.config(t)
		c.Dev = dev
		_, err := node.Restore(t.Context(), c, backupOperator, bytes.NewReader(file))
		if r.child != nil {
			r.child.Close()
		}
		return err
	}
	if err := into(servertest.Args(t), true); !errors.Is(err, node.ErrNotUnsealed) {
		t.Errorf("with another key file: %v", err)
	}
	if err := into(f.args, false); !errors.Is(err, domains.ErrWrongMode) {
		t.Errorf("in production: %v", err)
	}
	if err := into(f.args, true); err != nil {
		t.Errorf("as it should be: %v", err)
	}
}

// TestAForgedBackup: the manifest's MAC is another one, and all hashes are right.
func TestAForgedBackup(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.caller("111122223333").newBlob(t)
	file, _ := f.backup(t)
	end := len(file) - sha256.Size
	file[end-1] ^= 1 // the MAC stands before the hash
	sum := sha256.Sum256(file[:end])
	copy(file[end:], sum[:])
	if _, err := backup.Verify(bytes.NewReader(file)); err != nil {
		t.Fatalf("the forgery shows without keys: %v", err)
	}
	r := &fixture{dir: filepath.Join(t.TempDir(), "data"), args: f.args, rotate: f.rotate, audit: f.audit}
	_, err := node.Restore(t.Context(), r.config(t), backupOperator, bytes.NewReader(file))
	r.child.Close()
	if !errors.Is(err, backup.ErrForged) {
		t.Errorf("%v", err)
	}
}

// TestOneBackupAtATime: a second one is refused, and one whose reader goes away
// leaves the way free for the next.
func TestOneBackupAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.caller("111122223333").newBlob(t)
	r, w := io.Pipe()
	ended := make(chan error)
	go func() { ended <- f.Backup(t.Context(), backupOperator, w) }()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it has begun, and waits
		t.Fatal(err)
	}
	err := f.Backup(t.Context(), backupOperator, io.Discard)
	if refusal, ok := errors.AsType[*admin.Error](err); !ok || refusal.Code != admin.NotPossible {
		t.Errorf("a second one: %v", err)
	}
	gone := errors.New("the reader has gone")
	r.CloseWithError(gone)
	if err := <-ended; !errors.Is(err, gone) {
		t.Errorf("without a reader: %v", err)
	}
	f.backup(t)
}
