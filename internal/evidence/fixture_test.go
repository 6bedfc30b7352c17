package evidence_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/evidence"
	"trent/internal/evidence/replay"
)

// The time of the tests' records: a day, and the period is of it.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC) }

// signer signs digests, with ECDSA alone.
type signer struct{ key *ecdsa.PrivateKey }

func (s signer) Keys(context.Context) ([]digest.Key, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.key.Public())
	return []digest.Key{{ID: digest.KeyID(spki), Algorithm: digest.ECDSA, PublicKey: spki}}, err
}

func (s signer) Sign(ctx context.Context, statement []byte) ([]digest.Signature, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	h := sha512.Sum384(statement)
	b, err := ecdsa.SignASN1(rand.Reader, s.key, h[:])
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: keys[0].ID, Bytes: b}}, err
}

// world is a trail in the making.
type world struct {
	testing.TB
	dir    string
	trail  *audit.Trail
	maker  *digest.Maker
	signer signer
	logs   string // folder of the transparency logs
	now    time.Time
	scope  evidence.Scope
	from   map[[16]byte]uint64 // the first records
	events int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, dir: t.TempDir(), signer: signer{key}, now: at(0, 0)}
	w.open()
	return w
}

// open opens the trail, which goes on.
func (w *world) open() {
	w.Helper()
	var err error
	w.trail, err = audit.Open(w.Context(), w.dir, audit.Options{Node: [16]byte{1, 2}, Mode: audit.NoWait})
	if err != nil {
		w.Fatal(err)
	}
	w.maker, err = digest.Open(w.Context(), digest.Config{
		Dir: w.dir, Node: [16]byte{1, 2}, Trail: w.trail, Signer: w.signer, Settle: func(context.Context) (int64, error) { return 1, nil },
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
}

// record writes a record of an event, at the clock's time.
func (w *world) record(e audit.Event) {
	w.Helper()
	w.events++
	e.Time, e.EventID = w.now, fmt.Sprintf("event-%d", w.events)
	if e.Type == "" {
		e.Type = audit.TypeAPICall
	}
	if e.Source == "" {
		e.Source = "kms.amazonaws.com"
	}
	if e.RecipientAccountID == "" {
		e.RecipientAccountID = account
	}
	if err := w.trail.Append(w.Context(), e.AppendJSON(nil)); err != nil {
		w.Fatal(err)
	}
}

// digest has a digest cover what was written.
func (w *world) digest() {
	w.Helper()
	if _, err := w.maker.Make(w.Context()); err != nil {
		w.Fatal(err)
	}
}

const (
	account = "111122223333"
	keyID   = "1234abcd-12ab-34cd-56ef-1234567890ab"
	keyARN  = "arn:aws:kms:eu-west-1:" + account + ":key/" + keyID
)

func onKey(arn string) []audit.Resource { return []audit.Resource{{AccountID: account, ARN: arn}} }

func user(name string) audit.UserIdentity {
	return audit.UserIdentity{Type: "IAMUser", ARN: "arn:aws:iam::" + account + ":user/" + name, AccountID: account, UserName: name}
}

// made is a report, read again.
type made struct {
	evidence.Head
	Keys []struct {
		evidence.Key
		evidence.Tail
		Timeline replay.Timeline   `json:"timeline"`
		Changes  []evidence.Change `json:"changes"`
		Uses     []evidence.Use    `json:"uses"`
	} `json:"keys"`
	Accounts []struct {
		Account string            `json:"account"`
		Changes []evidence.Change `json:"changes"`
		Uses    []evidence.Use    `json:"uses"`
	} `json:"accounts"`
	Administration []struct {
		Changes []evidence.Change `json:"changes"`
	} `json:"administration"`
	Digests     []evidence.Digest     `json:"digests"`
	Checkpoints []evidence.Checkpoint `json:"checkpoints"`
	Limits      []string              `json:"limits"`
}

// report makes a report of the trail.
func (w *world) report(p evidence.Period, keys ...*admin.EvidenceKey) (m made, page string) {
	w.Helper()
	c := evidence.NewCollector(w.TempDir(), p, w.scope)
	defer c.Close()
	for _, k := range keys {
		c.Key(k)
	}
	prover := w.prover()
	if err := prover.Verify(c); err != nil {
		w.Fatal(err)
	}
	var asJSON, asHTML bytes.Buffer
	r := evidence.Report{Collector: c, Prover: prover, Made: at(23, 0), Service: &evidence.Service{Durability: "strict"}}
	if _, err := r.Write(&asJSON, &asHTML); err != nil {
		w.Fatal(err)
	}
	d := json.NewDecoder(&asJSON)
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		w.Fatalf("%v in %s", err, asJSON.String())
	}
	return m, asHTML.String()
}

// prover verifies the trail by the signer's key.
func (w *world) prover() *evidence.Prover {
	w.Helper()
	signing, err := w.signer.Keys(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return &evidence.Prover{Folder: w.dir, Logs: w.logs, Options: digest.Options{Keys: [][]byte{signing[0].PublicKey}, ApprovedOnly: true, From: w.from}}
}
