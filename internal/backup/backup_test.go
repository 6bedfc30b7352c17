package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"trent/internal/record"
	"trent/internal/store"
)

// TestRoundTrip: what is restored is what was there, under another node id.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := newService(t)
	file, made := s.backup(t)
	verified, err := Verify(iotest.OneByteReader(bytes.NewReader(file)))
	if err != nil {
		t.Fatal(err)
	}
	want := Contents{
		StoreID: bytes.Repeat([]byte{9}, 16), Node: bytes.Repeat([]byte{7}, 16), Revision: 1, Rows: 6, Accounts: 1,
		Regions: []Region{{"eu-west-1", 2}, {"global", 0}},
	}
	if diff := cmp.Diff(want, verified.Contents); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(made, &verified.Manifest); diff != "" {
		t.Error(diff)
	}
	db := emptyStore(t)
	restored, err := Restore(t.Context(), bytes.NewReader(file), db)
	if err != nil {
		t.Fatal(err)
	}
	if err := restored.Authenticate(s.Records); err != nil {
		t.Error(err)
	}
	if err := restored.Authenticate(sealer(t, 2)); !errors.Is(err, ErrForged) {
		t.Errorf("with another key: %v", err)
	}
	before, after := rows(t, s.Store), rows(t, db)
	own := string(record.StorePath())
	var old, renamed record.Store
	for value, into := range map[string]*record.Store{before[own]: &old, after[own]: &renamed} {
		if _, err := record.Decode([]byte(value), record.TypeStore, into); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(old.ID, renamed.ID) || bytes.Equal(old.Node, renamed.Node) || len(renamed.Node) != 16 {
		t.Errorf("the store's record was %v, and is %v", old, renamed)
	}
	delete(before, own)
	delete(after, own)
	if !maps.Equal(before, after) {
		t.Error(cmp.Diff(before, after))
	}
	if _, err := Restore(t.Context(), bytes.NewReader(file), db); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("over a store that is not empty: %v", err)
	}
}

// TestDamage: whatever single byte is changed, wherever it is cut, whatever
// follows, a backup is refused.
func TestDamage(t *testing.T) {
	t.Parallel()
	file, _ := newService(t).backup(t)
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := Verify(bytes.NewReader(b)); !errors.Is(err, ErrNotValid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0x10
		refused(fmt.Sprintf("byte %d changed", i), damaged)
		refused(fmt.Sprintf("cut to %d bytes", i), file[:i])
	}
	refused("a byte more", append(bytes.Clone(file), 0))
	refused("twice", append(bytes.Clone(file), file...))
	broken := errors.New("broken")
	if _, err := Verify(io.MultiReader(bytes.NewReader(file[:200]), iotest.ErrReader(broken))); !errors.Is(err, broken) || errors.Is(err, ErrNotValid) {
		t.Errorf("a reader that fails: %v", err)
	}
	damaged := bytes.Clone(file)
	damaged[len(file)-100] ^= 1 // in the manifest: the store has been filled by then
	if _, err := Restore(t.Context(), bytes.NewReader(damaged), emptyStore(t)); !errors.Is(err, ErrNotValid) {
		t.Errorf("restored: %v", err)
	}
}

// parts takes a backup apart.
func parts(t *testing.T, file []byte) (snapshot, manifest []byte, mac [macBytes]byte) {
	t.Helper()
	in, err := newReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if snapshot, err = io.ReadAll(in); err != nil {
		t.Fatal(err)
	}
	if manifest, mac, err = in.finish(); err != nil {
		t.Fatal(err)
	}
	return snapshot, manifest, mac
}

// assemble makes a file whose own hash is right.
func assemble(t *testing.T, chunks [][]byte, manifest []byte, mac [macBytes]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newWriter(&b)
	for _, chunk := range chunks {
		if err == nil {
			_, err = w.Write(chunk)
		}
	}
	if err := errors.Join(err, w.finish(manifest, mac)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestForgery: files put together of parts of true backups, and a snapshot that
// somebody changed and hashed anew.
func TestForgery(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, _ := s.backup(t)
	s.put(t, store.Op{Key: record.KeyPath("eu-west-1", "111122223333", "c"), Value: []byte("key c")})
	second, _ := s.backup(t)
	oldSnapshot, oldManifest, oldMAC := parts(t, first)
	snapshot, manifest, mac := parts(t, second)
	half := len(snapshot) / 2
	for what, file := range map[string][]byte{
		"the manifest of an older backup": assemble(t, [][]byte{snapshot}, oldManifest, oldMAC),
		"the snapshot of an older backup": assemble(t, [][]byte{oldSnapshot}, manifest, mac),
		"parts in another order":          assemble(t, [][]byte{snapshot[half:], snapshot[:half]}, manifest, mac),
		"a part twice":                    assemble(t, [][]byte{snapshot[:half], snapshot}, manifest, mac),
		"a part missing":                  assemble(t, [][]byte{snapshot[:half]}, manifest, mac),
		"no snapshot":                     assemble(t, nil, manifest, mac),
		"no manifest":                     assemble(t, [][]byte{snapshot}, nil, mac),
	} {
		if _, err := Verify(bytes.NewReader(file)); !errors.Is(err, ErrNotValid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Verify(bytes.NewReader(assemble(t, [][]byte{snapshot[:half], snapshot[half:]}, manifest, mac))); err != nil {
		t.Errorf("in other chunks: %v", err)
	}

	changed := bytes.Replace(snapshot, []byte("key c"), []byte("key x"), 1)
	body := changed[:len(changed)-sha256.Size]
	sum := sha256.Sum256(body)
	changed = append(bytes.Clone(body), sum[:]...)
	var m Manifest
	if err := m.unmarshal(manifest); err != nil {
		t.Fatal(err)
	}
	whole := sha256.Sum256(changed)
	m.SHA256 = whole[:]
	forged, err := m.marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, mac := range map[string][macBytes]byte{"the old MAC": mac, "a MAC under another key": sealer(t, 2).MAC(macLabel, forged)} {
		sealed, err := Verify(bytes.NewReader(assemble(t, [][]byte{changed}, forged, mac)))
		if err != nil {
			t.Fatalf("%s: %v", name, err) // without keys it cannot be told from a true one
		}
		if err := sealed.Authenticate(s.Records); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIncompleteStores: whole streams of stores that no service can have.
func TestIncompleteStores(t *testing.T) {
	t.Parallel()
	own, err := record.Encode(record.TypeStore, 1, &record.Store{ID: make([]byte, 16), Format: 1, CreatedMs: 1, Node: make([]byte, 16)})
	if err != nil {
		t.Fatal(err)
	}
	var many []store.KV // each of them as it should be
	for i := range maxRegions {
		many = append(many, store.KV{Key: record.DomainTokenPath(fmt.Sprintf("aa-b-%06d", i))})
	}
	many = append(many, store.KV{Key: record.DomainTokenPath(record.Global)}, store.KV{Key: record.StorePath(), Value: own})
	for what, all := range map[string][]store.KV{
		"an empty store":            {},
		"no record of the store":    {{Key: record.DomainTokenPath(record.Global)}},
		"a broken one":              {{Key: record.DomainTokenPath(record.Global)}, {Key: record.StorePath(), Value: own[1:]}},
		"no domain token of global": {{Key: record.StorePath(), Value: own}},
		"a name that is no Region":  {{Key: []byte("\x1b]0;x\a/dom")}, {Key: record.DomainTokenPath(record.Global)}, {Key: record.StorePath(), Value: own}},
		"too many Regions":          many,
		"none of another Region":    {{Key: record.KeyPath("eu-west-1", "1", "a")}, {Key: record.DomainTokenPath(record.Global)}, {Key: record.StorePath(), Value: own}},
	} {
		_, err := surveyed(func(w io.Writer) error {
			out, err := store.NewSnapshotWriter(w, 1)
			for _, kv := range all {
				if err == nil {
					kv.Create, kv.Mod = 1, 1
					err = out.Put(kv)
				}
			}
			return errors.Join(err, out.Close())
		})
		if !errors.Is(err, ErrNotValid) || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%s: %q", what, err)
		}
	}
}

// TestVector freezes the bytes of version 1.
func TestVector(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "backup-v1.hex"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := Verify(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	// The head is another one each time: the record of the start has an id.
	s := newService(t)
	file, made := s.backup(t)
	snapshot, _, _ := parts(t, file)
	made.Head = sealed.Head
	manifest, err := made.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got := assemble(t, [][]byte{snapshot}, manifest, s.Records.MAC(macLabel, manifest)); !bytes.Equal(got, want) {
		t.Errorf("a backup of the same store is\n%x", got)
	}
	if err := sealed.Authenticate(sealer(t, 1)); err != nil {
		t.Error(err)
	}
}

// FuzzVerify: whatever is refused is refused as not valid, and what is accepted
// is written again with the same meaning.
func FuzzVerify(f *testing.F) {
	file, _ := newService(f).backup(f)
	f.Add(file)
	f.Add(file[:100])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed, err := Verify(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrNotValid) {
				t.Errorf("%v is not ErrNotValid", err)
			}
			return
		}
		snapshot, manifest, mac := parts(t, b)
		again, err := Verify(bytes.NewReader(assemble(t, [][]byte{snapshot}, manifest, mac)))
		if err != nil || !again.Contents.equal(&sealed.Contents) {
			t.Errorf("accepted once, then %v", err)
		}
	})
}
