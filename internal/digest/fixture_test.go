package digest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"filippo.io/mldsa"

	"trent/internal/audit"
)

var node = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// signer signs as the crypto module does.
type signer struct {
	ec *ecdsa.PrivateKey
	ml *mldsa.PrivateKey
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seed := make([]byte, mldsa.PrivateKeySize)
	rand.Read(seed)
	ml, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), seed)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{ec, ml}
}

func (s *signer) Keys(context.Context) ([]Key, error) {
	ec, err := x509.MarshalPKIXPublicKey(s.ec.Public())
	if err != nil {
		return nil, err
	}
	b := s.ml.PublicKey().Bytes()
	ml, err := asn1.Marshal(struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}{struct{ ID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 18}}, asn1.BitString{Bytes: b, BitLength: 8 * len(b)}})
	return []Key{{KeyID(ec), ECDSA, ec}, {KeyID(ml), MLDSA, ml}}, err
}

func (s *signer) Sign(ctx context.Context, statement []byte) ([]Signature, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	h := sha512.Sum384(statement)
	ec, err := ecdsa.SignASN1(rand.Reader, s.ec, h[:])
	if err != nil {
		return nil, err
	}
	ml, err := s.ml.Sign(nil, statement, &mldsa.Options{})
	return []Signature{{ECDSA, keys[0].ID, ec}, {MLDSA, keys[1].ID, ml}}, err
}

// trusted are the signer's public keys.
func (s *signer) trusted(t testing.TB) (spki [][]byte) {
	t.Helper()
	keys, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		spki = append(spki, k.PublicKey)
	}
	return spki
}

// A trail is written by runs of a service.
type trail struct {
	*testing.T
	dir     string
	signer  *signer
	records int
	behind  time.Duration // of the clock of whoever makes digests
}

func newTrail(t *testing.T) *trail {
	return &trail{T: t, dir: t.TempDir(), signer: newSigner(t)}
}

func (t *trail) open() (*audit.Trail, *Maker) {
	t.Helper()
	tr, err := audit.Open(t.Context(), t.dir, audit.Options{Node: node, Mode: audit.Relaxed, SegmentBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), t.config(tr))
	if err != nil {
		t.Fatal(err)
	}
	return tr, m
}

func (t *trail) config(tr *audit.Trail) Config {
	return Config{
		Dir: t.dir, Node: node, Trail: tr, Signer: t.signer, Settle: func(context.Context) (int64, error) { return 7, nil },
		Now: func() time.Time { return time.Now().Add(-t.behind) }, Log: discard(),
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// write appends records, the n-th of which has the event name EventN.
func (t *trail) write(tr *audit.Trail, n int) {
	t.Helper()
	for range n {
		t.records++
		json := fmt.Sprintf(`{"eventName":"Event%d","eventTime":"2026-11-20T08:%02d:00Z","pad":"%0*d"}`, t.records, t.records%60, t.records%40, 0)
		if err := tr.Append(t.Context(), []byte(json)); err != nil {
			t.Fatal(err)
		}
	}
}

func (t *trail) digest(m *Maker) *Digest {
	t.Helper()
	d, err := m.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// usual is a trail of two runs, with segments, digests and an unsigned end.
func usual(t *testing.T) *trail {
	tr := newTrail(t)
	for range 2 {
		a, m := tr.open()
		for range 3 {
			tr.write(a, 12)
			tr.digest(m)
		}
		tr.write(a, 3)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func (t *trail) verify(dir string, o Options) *Report {
	t.Helper()
	if o.Keys == nil {
		o.Keys = t.signer.trusted(t)
	}
	r, err := Verify(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// from are the Options of a trail of which the begin was moved away.
func from(first uint64) map[[16]byte]uint64 { return map[[16]byte]uint64{node: first} }
