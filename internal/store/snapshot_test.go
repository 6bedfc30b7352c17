package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sample = []KV{
	{Key: []byte("a"), Value: []byte("first"), Create: 1, Mod: 1},
	{Key: []byte("a\x00"), Value: []byte{}, Create: 2, Mod: 5},
	{Key: []byte("b/c"), Value: []byte{0, 1, 2, 255}, Create: 3, Mod: 3},
}

func write(t testing.TB, rev Rev, kvs []KV) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewSnapshotWriter(&b, rev)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range kvs {
		if err := w.Put(kv); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(r io.Reader) (rev Rev, kvs []KV, err error) {
	s, err := NewSnapshotReader(r)
	if err != nil {
		return 0, nil, err
	}
	for {
		kv, err := s.Next()
		if errors.Is(err, io.EOF) {
			return s.Rev(), kvs, nil
		}
		if err != nil {
			return 0, nil, err
		}
		kvs = append(kvs, kv)
	}
}

// TestSnapshotVector freezes the bytes of version 1.
func TestSnapshotVector(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "snapshot-v1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, 7, sample); !bytes.Equal(got, want) {
		t.Errorf("stream %x, want %x", got, want)
	}
	rev, kvs, err := read(bytes.NewReader(want))
	if diff := cmp.Diff(sample, kvs); err != nil || rev != 7 || diff != "" {
		t.Errorf("revision %d, %v\n%s", rev, err, diff)
	}
}

// TestSnapshotRefuses: streams with a valid hash that no store can have.
func TestSnapshotRefuses(t *testing.T) {
	t.Parallel()
	for what, kvs := range map[string][]KV{
		"keys out of order":       {sample[1], sample[0]},
		"a key twice":             {sample[0], sample[0]},
		"an empty key":            {{Create: 1, Mod: 1}},
		"a key of the future":     {{Key: []byte("a"), Create: 1, Mod: 8}},
		"changed before created":  {{Key: []byte("a"), Create: 2, Mod: 1}},
		"a key without revisions": {{Key: []byte("a")}},
		"a value that is too big": {{Key: []byte("a"), Value: make([]byte, MaxTxnBytes+1), Create: 1, Mod: 1}},
	} {
		if _, _, err := read(bytes.NewReader(write(t, 7, kvs))); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v, want ErrSnapshot", what, err)
		}
	}
	broken := io.MultiReader(bytes.NewReader(write(t, 7, sample)[:30]), brokenReader{})
	if _, _, err := read(broken); !errors.Is(err, errBroken) || errors.Is(err, ErrSnapshot) {
		t.Errorf("a failing reader: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// FuzzSnapshot: what is accepted is written again byte for byte.
func FuzzSnapshot(f *testing.F) {
	f.Add(write(f, 7, sample))
	f.Add(write(f, 0, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		rev, kvs, err := read(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrSnapshot) {
				t.Errorf("%v is not ErrSnapshot", err)
			}
			return
		}
		if again := write(t, rev, kvs); !bytes.Equal(b, again) {
			t.Errorf("%x is accepted, and written as %x", b, again)
		}
	})
}

func TestSnapshotRefusesANegativeRevision(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := NewSnapshotWriter(&b, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSnapshotReader(&b); !errors.Is(err, ErrSnapshot) {
		t.Errorf("%v", err)
	}
}
