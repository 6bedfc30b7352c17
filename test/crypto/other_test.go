package crypto

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// key is a key of ours: stored and public.
type key struct {
	*subject
	private, spki []byte
}

func newKey(t *testing.T, spec keyspec.Spec, algorithm keyspec.Algorithm) *key {
	t.Helper()
	s := newSubject(t, spec, algorithm)
	private, err := s.scheme.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := s.scheme.Public(private)
	if err != nil {
		t.Fatal(err)
	}
	return &key{s, private, spki}
}

func (k *key) pkcs8(t *testing.T) []byte {
	t.Helper()
	der, err := k.scheme.(alg.Exporter).PKCS8(k.private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (k *key) sign(t *testing.T, m alg.MessageType, message []byte) []byte {
	t.Helper()
	signature, err := k.signer().Sign(k.private, k.alg, m, message)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// texts are the messages that both sides sign or encrypt.
func texts(t *testing.T, longest int) [][]byte {
	t.Helper()
	long := make([]byte, longest)
	if _, err := rand.Read(long); err != nil {
		t.Fatal(err)
	}
	return [][]byte{[]byte("x"), []byte("a message that both sides know"), long}
}

// refuses checks that a signature that the other side made is not taken for
// another message.
func (k *key) refuses(t *testing.T, m alg.MessageType, message, signature []byte) {
	t.Helper()
	other := bytes.Clone(message)
	other[0] ^= 1
	if err := k.signer().Verify(k.spki, k.alg, m, other, signature); !errors.Is(err, alg.ErrSignature) {
		t.Errorf("another message: %v", err)
	}
}
