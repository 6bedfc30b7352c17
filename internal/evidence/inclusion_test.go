package evidence_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// logSigner signs checkpoints.
type logSigner struct{ key ed25519.PrivateKey }

func (s logSigner) Keys(context.Context) ([][]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.key.Public())
	return [][]byte{spki}, err
}

func (s logSigner) Sign(_ context.Context, _, message []byte) ([]byte, error) {
	return ed25519.Sign(s.key, message), nil
}

// TestInclusion: with the log, a change that the log has brings the proof that it
// does, which verifies without the trail; one that it does not have yet brings none.
func TestInclusion(t *testing.T) {
	t.Parallel()
	w := usual(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, node := logSigner{key}, [16]byte{1, 2}
	covered := w.trail.Head()
	w.logs = t.TempDir()
	l := tlog.New(tlog.Config{
		Trail: w.dir, Folder: w.logs, Node: node, Signer: s, Covered: func() audit.Head { return covered }, Now: func() time.Time { return at(18, 0) }, Log: slog.New(slog.DiscardHandler),
	})
	if err := l.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = at(18, 0)
	w.record(audit.Event{UserIdentity: user("admin"), Name: "EnableKey", Resources: onKey(keyARN)})
	w.digest()
	m, _ := w.report(day(), payroll())
	public, _ := s.Keys(t.Context())
	logKey, err := tlog.LogKey(tlog.Origin(node), public[0])
	if err != nil || len(m.Checkpoints) != 1 || m.Checkpoints[0].Size != covered.Sequence {
		t.Fatalf("%v, %+v", err, m.Checkpoints)
	}
	changes := m.Keys[0].Changes
	for _, c := range changes {
		chain, err := base64.StdEncoding.DecodeString(c.Proof.Chain)
		if h := sha256.Sum256(append(chain, c.Record...)); err != nil || hex.EncodeToString(h[:]) != c.Proof.Hash {
			t.Errorf("%s: the hash of %s is not that of its chain and record: %v", c.What, c.Record, err)
		}
		if c.Proof.Sequence > covered.Sequence {
			if c.Proof.Inclusion != "" || c.Proof.Digest == 0 {
				t.Errorf("the log does not have record %d yet: %+v", c.Proof.Sequence, c.Proof)
			}
			continue
		}
		file := c.Proof.Inclusion + m.Checkpoints[0].Checkpoint
		checkpoint, r, err := tlog.VerifyProof([]byte(file), []byte(c.Record), logKey)
		if err != nil || len(checkpoint.Signers) != 1 || r.Sequence != c.Proof.Sequence || checkpoint.Size != c.Proof.Size {
			t.Errorf("record %d: %v, %+v: %s", c.Proof.Sequence, err, checkpoint, file)
		}
		if _, _, err := tlog.VerifyProof([]byte(file), []byte(c.Record+" "), logKey); err == nil {
			t.Errorf("the proof of record %d is one of another", c.Proof.Sequence)
		}
	}
	if len(changes) != 3 {
		t.Errorf("%d changes", len(changes))
	}
}
