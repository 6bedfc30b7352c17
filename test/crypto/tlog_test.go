package crypto

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/mldsa"
	formatslog "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	formatsproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// The audit trail's transparency log against the implementation of
// transparency-dev (merkle v0.0.2, formats v0.1.1): tiles, entries, checkpoints,
// proofs and witnesses' cosignatures.

var logNode = [16]byte{7, 7, 7}

// logSigner signs checkpoints as the crypto module does.
type logSigner struct {
	ed ed25519.PrivateKey
	ml *mldsa.PrivateKey
}

func (s *logSigner) Keys(context.Context) ([][]byte, error) {
	ed, err := x509.MarshalPKIXPublicKey(s.ed.Public())
	if err != nil {
		return nil, err
	}
	b := s.ml.PublicKey().Bytes()
	ml, err := asn1.Marshal(struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}{struct{ ID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}}, asn1.BitString{Bytes: b, BitLength: 8 * len(b)}})
	return [][]byte{ed, ml}, err
}

func (s *logSigner) Sign(ctx context.Context, spki, message []byte) ([]byte, error) {
	keys, err := s.Keys(ctx)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(spki, keys[0]):
		return ed25519.Sign(s.ed, message), nil
	case bytes.Equal(spki, keys[1]):
		return s.ml.Sign(nil, message, &mldsa.Options{})
	}
	return nil, errors.New("no such key")
}

// A madeLog is a log of a trail, and the checkpoints that it had.
type madeLog struct {
	trails, logs string
	records      []audit.Record
	checkpoints  [][]byte
	keys         []string
}

// makeLog makes a trail in steps, and a checkpoint after each.
func makeLog(t *testing.T, steps ...int) *madeLog {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ml, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	m := &madeLog{trails: t.TempDir(), logs: t.TempDir()}
	tr, err := audit.Open(t.Context(), m.trails, audit.Options{Node: logNode, Mode: audit.NoWait})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	var covered audit.Head
	l := tlog.New(tlog.Config{
		Trail: m.trails, Folder: m.logs, Node: logNode, Signer: &logSigner{ed, ml}, Covered: func() audit.Head { return covered },
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	for _, n := range steps {
		for range n {
			if err := tr.Append(t.Context(), []byte(`{"eventName":"Encrypt"}`)); err != nil {
				t.Fatal(err)
			}
		}
		if covered, err = tr.Durable(t.Context()); err == nil {
			err = l.Update(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		m.checkpoints, m.keys = append(m.checkpoints, l.State().File), l.State().Keys
	}
	for r, err := range audit.Records(m.trails) {
		if err != nil {
			t.Fatal(err)
		}
		r.JSON = bytes.Clone(r.JSON)
		m.records = append(m.records, r)
	}
	return m
}

// verifiers are the log's, by the other implementation.
func (m *madeLog) verifiers(t *testing.T) (ed note.Verifier, ml *formatsnote.SubtreeVerifier) {
	t.Helper()
	ed, err := note.NewVerifier(m.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if ml, err = formatsnote.NewMLDSAVerifier(m.keys[1]); err != nil {
		t.Fatal(err)
	}
	return ed, ml
}

func (m *madeLog) checkpoint(t *testing.T, i int) *formatslog.Checkpoint {
	t.Helper()
	ed, ml := m.verifiers(t)
	c, other, n, err := formatslog.ParseCheckpoint(m.checkpoints[i], tlog.Origin(logNode), ed, ml)
	if err != nil || len(other) != 0 || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("checkpoint %d: %v; %d bytes of extensions, %d and %d signatures\n%s", i, err, len(other), len(n.Sigs), len(n.UnverifiedSigs), m.checkpoints[i])
	}
	return c
}

// TestLogElsewhere: checkpoints, the proofs between them, and each record's proof
// hold by the other implementation; and the entry bundles have the leaves.
func TestLogElsewhere(t *testing.T) {
	t.Parallel()
	m := makeLog(t, 1, 1, 5, 249, 1, 300, 700)
	files := tlog.FilesOf(m.logs, logNode)
	hasher := rfc6962.DefaultHasher
	for i := range m.checkpoints {
		c := m.checkpoint(t, i)
		parsed, err := tlog.ParseCheckpoint(m.checkpoints[i])
		if err != nil {
			t.Fatal(err)
		}
		for j := range i {
			old := m.checkpoint(t, j)
			lines, err := files.Consistency(old.Size, parsed)
			if err != nil {
				t.Fatal(err)
			}
			var hashes [][]byte
			for _, line := range lines {
				h, err := base64.StdEncoding.DecodeString(line)
				if err != nil {
					t.Fatal(err)
				}
				hashes = append(hashes, h)
			}
			if err := proof.VerifyConsistency(hasher, old.Size, c.Size, hashes, old.Hash, c.Hash); err != nil {
				t.Errorf("from %d to %d: %v", old.Size, c.Size, err)
			}
		}
		for n := range m.records[:c.Size] {
			b, err := files.Prove(m.checkpoints[i], &m.records[n])
			if err != nil {
				t.Fatal(err)
			}
			var p formatsproof.TLogProof
			if err := p.Unmarshal(b); err != nil || !bytes.Equal(p.Marshal(), b) || p.Index != uint64(n) || !bytes.Equal(p.Checkpoint, m.checkpoints[i]) {
				t.Fatalf("record %d: %v", n+1, err)
			}
			var hashes [][]byte
			for _, h := range p.Hashes {
				hashes = append(hashes, h[:])
			}
			if err := proof.VerifyInclusion(hasher, uint64(n), c.Size, hasher.HashLeaf(m.records[n].Hash[:]), hashes, c.Hash); err != nil {
				t.Fatalf("record %d of %d: %v", n+1, c.Size, err)
			}
		}
	}
	folder := tlog.FolderOf(m.logs, logNode)
	for n, name := range map[int]string{0: "000", 2: "002", 4: "004.p/233"} {
		b, err := os.ReadFile(filepath.Join(folder, "tile/entries", name))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; len(b) > 0; i++ {
			size := binary.BigEndian.Uint16(b)
			if !bytes.Equal(b[2:2+size], m.records[n*256+i].Hash[:]) {
				t.Fatalf("bundle %s, entry %d is not the record's hash", name, i)
			}
			b = b[2+size:]
		}
	}
}

// TestWitnessesElsewhere: cosignatures that the other implementation makes, of both
// kinds, are counted; not those of others, nor twice, nor of another checkpoint.
func TestWitnessesElsewhere(t *testing.T) {
	t.Parallel()
	m := makeLog(t, 3, 4)
	var signers []note.Signer
	var keys []*tlog.Key
	for i := range 3 {
		name := fmt.Sprintf("witness.example/w%d", i)
		var signer note.Signer
		var vkey string
		if i == 2 {
			skey, ml, err := formatsnote.GenerateMLDSAKey(name)
			if err != nil {
				t.Fatal(err)
			}
			if signer, err = formatsnote.NewMLDSASigner(skey); err != nil {
				t.Fatal(err)
			}
			vkey = ml
		} else {
			skey, ed, err := note.GenerateKey(rand.Reader, name)
			if err != nil {
				t.Fatal(err)
			}
			if signer, err = formatsnote.NewSignerForCosignatureV1(skey); err != nil {
				t.Fatal(err)
			}
			if vkey, err = formatsnote.VKeyToCosignatureV1(ed); err != nil {
				t.Fatal(err)
			}
		}
		k, err := tlog.ParseKey(vkey)
		if err != nil || k.String() != vkey {
			t.Fatalf("%s: %v, %v", vkey, k, err)
		}
		signers, keys = append(signers, signer), append(keys, k)
	}
	cosigned := func(checkpoint []byte, signers ...note.Signer) []byte {
		ed, _ := m.verifiers(t)
		n, err := note.Open(checkpoint, note.VerifierList(ed))
		if err != nil {
			t.Fatal(err)
		}
		b, err := note.Sign(n, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for n := range 4 {
		c, err := tlog.ParseCheckpoint(cosigned(m.checkpoints[1], signers[:n]...), keys...)
		if err != nil || len(c.Signers) != n {
			t.Fatalf("%d witnesses: %v, %v", n, c, err)
		}
		for least := range 5 {
			if err := c.Witnessed(keys, least); (err == nil) != (least <= n) {
				t.Errorf("%d of %d witnesses: %v", n, least, err)
			}
		}
		if err := c.Witnessed(append(keys, keys...), n+1); err == nil {
			t.Error("a witness counts twice")
		}
	}
	// A witness's line under another checkpoint.
	_, lines, _ := strings.Cut(string(cosigned(m.checkpoints[0], signers...)), "\n\n")
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, "witness.example") {
			continue
		}
		if c, err := tlog.ParseCheckpoint([]byte(string(m.checkpoints[1])+line), keys...); err == nil {
			t.Errorf("a cosignature of another checkpoint counts: %v", c.Signers)
		}
	}
}
