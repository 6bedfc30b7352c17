package auditseal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/secret"
)

var node = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

const kmsKey = "arn:aws:kms:eu-west-1:111122223333:key/a"

// errKey is what a KMS key says that cannot be used.
var errKey = errors.New("DisabledException")

// keys make data keys as a KMS key does.
type keys struct {
	aead     cipher.AEAD
	disabled bool
	made     int
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return &keys{aead: a}
}

func (k *keys) Generate(_ context.Context, key, name string) (DataKey, error) {
	if k.disabled {
		return DataKey{}, errKey
	}
	k.made++
	plain := make([]byte, keyBytes)
	rand.Read(plain)
	return DataKey{Plain: secret.New(plain), Blob: k.aead.Seal(nil, nil, plain, []byte(key+name)), KMS: key}, nil
}

func (k *keys) Decrypt(_ context.Context, key, name string, blob []byte) (secret.Bytes, error) {
	if k.disabled {
		return secret.Bytes{}, errKey
	}
	plain, err := k.aead.Open(nil, nil, blob, []byte(key+name))
	return secret.New(plain), err
}

// signer signs digests.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t testing.TB) signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{k}
}

func (s signer) Keys(context.Context) ([]digest.Key, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.key.Public())
	return []digest.Key{{ID: digest.KeyID(spki), Algorithm: digest.ECDSA, PublicKey: spki}}, err
}

func (s signer) Sign(ctx context.Context, statement []byte) ([]digest.Signature, error) {
	k, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	h := sha512.Sum384(statement)
	b, err := ecdsa.SignASN1(rand.Reader, s.key, h[:])
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: k[0].ID, Bytes: b}}, err
}

// recoveryPair is a recovery key.
func recoveryPair(t testing.TB) (*PrivateKey, *PublicKey) {
	t.Helper()
	private, public, err := NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	a, err := ReadPrivateKey(private.Expose())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// A trail is written by one run of a service, in small segments.
type trail struct {
	testing.TB
	dir      string
	trail    *audit.Trail
	maker    *digest.Maker
	signer   signer
	keys     *keys
	recovery *PrivateKey
	sealer   *Sealer
	records  int
}

func newTrail(t testing.TB) *trail {
	t.Helper()
	w := &trail{TB: t, dir: t.TempDir(), signer: newSigner(t), keys: newKeys(t)}
	var err error
	if w.trail, err = audit.Open(t.Context(), w.dir, audit.Options{Node: node, Mode: audit.Relaxed, SegmentBytes: 2000}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.trail.Close() })
	if w.maker, err = digest.Open(t.Context(), digest.Config{
		Dir: w.dir, Node: node, Trail: w.trail, Signer: w.signer, Settle: func(context.Context) (int64, error) { return 7, nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	var public *PublicKey
	w.recovery, public = recoveryPair(t)
	w.sealer = w.newSealer(public)
	return w
}

func (w *trail) newSealer(public *PublicKey) *Sealer {
	return &Sealer{Writer: &Writer{Keys: w.keys, Key: kmsKey, Recovery: public}, Maker: w.maker, Log: slog.New(slog.DiscardHandler)}
}

// write appends records, and makes a digest now and then and at the end.
func (w *trail) write(n int) {
	w.Helper()
	for i := range n {
		w.records++
		json := fmt.Sprintf(`{"eventName":"Event%d","eventTime":"2026-11-20T08:%02d:00Z","pad":"%0*d"}`, w.records, w.records%60, w.records%40, 0)
		if err := w.trail.Append(w.Context(), []byte(json)); err != nil {
			w.Fatal(err)
		}
		if i%17 == 16 || i == n-1 {
			if _, err := w.maker.Make(w.Context()); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// seal seals all that can be.
func (w *trail) seal() (n int) {
	w.Helper()
	for {
		some, err := w.sealer.Seal(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		if n += some; some == 0 {
			return n
		}
	}
}

// files are the paths of the trail's files with an ending.
func (w *trail) files(dir, suffix string) []string {
	w.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"+suffix))
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// verify verifies a trail with the service's public key; without o, sealed
// segments as they are stored.
func (w *trail) verify(dir string, o audit.Opener) *digest.Report {
	w.Helper()
	k, err := w.signer.Keys(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	r, err := digest.Verify(dir, digest.Options{Keys: [][]byte{k[0].PublicKey}, Opener: o})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// copied is a copy of the trail.
func (w *trail) copied() string {
	w.Helper()
	dir, err := os.MkdirTemp(w.TempDir(), "")
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(w.dir))
	}
	if err != nil {
		w.Fatal(err)
	}
	return dir
}

// kept remembers the data keys that it has given.
type kept struct {
	*keys
	all []secret.Bytes
}

func (k *kept) Generate(ctx context.Context, key, name string) (DataKey, error) {
	d, err := k.keys.Generate(ctx, key, name)
	k.all = append(k.all, d.Plain)
	return d, err
}

func (k *kept) Decrypt(ctx context.Context, key, name string, blob []byte) (secret.Bytes, error) {
	plain, err := k.keys.Decrypt(ctx, key, name, blob)
	k.all = append(k.all, plain)
	return plain, err
}
