package tlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/tlog"

	"trent/internal/audit"
)

var node = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// signer signs as the crypto module does.
type signer struct {
	ed       ed25519.PrivateKey
	ml       *mldsa.PrivateKey
	approved bool // fips: strict is on: ML-DSA does not sign
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ml, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	return &signer{ed: ed, ml: ml}
}

func (s *signer) Keys(context.Context) ([][]byte, error) {
	ed, err := x509.MarshalPKIXPublicKey(s.ed.Public())
	if err != nil {
		return nil, err
	}
	b := s.ml.PublicKey().Bytes()
	ml, err := asn1.Marshal(struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}{struct{ ID asn1.ObjectIdentifier }{oidMLDSA44}, asn1.BitString{Bytes: b, BitLength: 8 * len(b)}})
	return [][]byte{ed, ml}, err
}

func (s *signer) Sign(ctx context.Context, spki, message []byte) ([]byte, error) {
	keys, err := s.Keys(ctx)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(spki, keys[0]):
		return ed25519.Sign(s.ed, message), nil
	case bytes.Equal(spki, keys[1]) && s.approved:
		return nil, ErrUnsupported
	case bytes.Equal(spki, keys[1]):
		return s.ml.Sign(nil, message, &mldsa.Options{})
	}
	return nil, errors.New("no such key")
}

// keys are the log's verifier keys.
func (s *signer) keys(t testing.TB) (keys []*Key) {
	t.Helper()
	public, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, spki := range public {
		k, err := LogKey(Origin(node), spki)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// A trail is one with a log beside it.
type trail struct {
	*testing.T
	*audit.Trail
	trails, logs string
	signer       *signer
	covered      audit.Head // by digests
	hashes       [][32]byte // of its records
	clock        time.Time
}

func newTrail(t *testing.T) *trail {
	t.Helper()
	tr := &trail{T: t, trails: t.TempDir(), logs: filepath.Join(t.TempDir(), "audit-tlog"), signer: newSigner(t), clock: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	tr.open()
	t.Cleanup(func() { tr.Close() })
	return tr
}

func (t *trail) open() {
	t.Helper()
	var err error
	if t.Trail, err = audit.Open(t.Context(), t.trails, audit.Options{Node: node, Mode: audit.NoWait, SegmentBytes: 32 << 10}); err != nil {
		t.Fatal(err)
	}
}

// write appends records, which a digest then covers.
func (t *trail) write(n int) {
	t.Helper()
	for range n {
		if err := t.Append(t.Context(), fmt.Appendf(nil, `{"eventName":"Event%d"}`, len(t.hashes)+1)); err != nil {
			t.Fatal(err)
		}
		t.hashes = append(t.hashes, [32]byte{})
		if len(t.hashes)%100 == 0 {
			t.durable() // so that no write is longer than a segment
		}
	}
	t.durable()
	t.hashes = t.hashes[:0]
	for r, err := range audit.Records(t.trails) {
		if err != nil {
			t.Fatal(err)
		}
		t.hashes = append(t.hashes, r.Hash)
	}
}

func (t *trail) durable() {
	t.Helper()
	var err error
	if t.covered, err = t.Durable(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (t *trail) log() *Log {
	return New(Config{
		Trail: t.trails, Folder: t.logs, Node: node, Signer: t.signer, Covered: func() audit.Head { return t.covered },
		Now: func() time.Time { return t.clock }, Log: slog.New(slog.DiscardHandler),
	})
}

func (t *trail) folder() string { return FolderOf(t.logs, node) }

func (t *trail) update(l *Log) {
	t.Helper()
	if err := l.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// check holds the log's files against the trail's records.
func (t *trail) check() {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(t.folder(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCheckpoint(file, t.signer.keys(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size != t.covered.Sequence || c.Root != naive(t.hashes[:c.Size]) || c.Origin != Origin(node) {
		t.Errorf("checkpoint %s: size %d with another root than the trail of %d records", c.Origin, c.Size, len(t.hashes))
	}
	want := 2
	if t.signer.approved {
		want = 1
	}
	if len(c.Signers) != want {
		t.Errorf("%d signatures, want %d", len(c.Signers), want)
	}
}

// files are the files of the log.
func (t *trail) files() map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(t.folder(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(t.folder(), path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestLog: as the trail grows, across restarts of either, there is a checkpoint of
// all that digests cover; and the log made at once is the one that grew.
func TestLog(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	l := tr.log()
	tr.update(l)
	if l.State().Size != 0 {
		t.Error("there is a checkpoint of nothing")
	}
	for i, n := range []int{1, 4, 250, 1, 1, 300, 255, 256, 700} {
		tr.write(n)
		tr.signer.approved = i == 5
		if i%2 == 1 {
			l = tr.log()
		}
		if i%3 == 1 {
			tr.Close()
			tr.open()
		}
		tr.update(l)
		tr.check()
		if s := l.State(); s.Size != tr.covered.Sequence || !s.Current.Equal(tr.clock) || s.Failure != "" || len(s.Keys) != 2 {
			t.Errorf("state %+v", s)
		}
	}
	before := tr.files()
	if err := os.RemoveAll(tr.logs); err != nil {
		t.Fatal(err)
	}
	tr.update(tr.log())
	tr.check()
	for name, content := range tr.files() {
		if strings.HasPrefix(name, "tile/") && content != before[name] {
			t.Errorf("%s was made differently", name)
		}
	}
}

// TestLayout: a tree of 70,000 records has the tiles of tlog-tiles' own example.
func TestLayout(t *testing.T) {
	t.Parallel()
	f := folder("")
	var tree Tree
	full := map[int]int{}
	tree.full = func(level int, number uint64, _ []tlog.Hash) {
		if number != uint64(full[level]) {
			t.Fatalf("level %d: tile %d after %d", level, number, full[level])
		}
		full[level]++
	}
	for n := range uint64(70_000) {
		tree.Add(record(n))
	}
	if len(full) != 2 || full[0] != 273 || full[1] != 1 {
		t.Errorf("full tiles: %v", full)
	}
	for level, width := range []int{112, 17, 1} {
		if len(tree.levels[level]) != width {
			t.Errorf("level %d: %d hashes, want %d", level, len(tree.levels[level]), width)
		}
	}
	for want, got := range map[string]string{
		"tile/0/x001/x234/067":           f.tile(0, 1234067, 256),
		"tile/1/000.p/17":                f.tile(1, 0, 17),
		"tile/entries/x001/x234/067.p/8": f.tile(entriesLevel, 1234067, 8),
		"tile/entries/273":               f.tile(entriesLevel, 273, 256),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
