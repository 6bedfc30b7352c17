package auditseal

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"trent/internal/audit"
	"trent/internal/secret"
)

// kem is ML-KEM-1024 and ECDH on P-384 together, so that what is copied today
// stays closed if either falls.
func kem() hpke.KEM { return hpke.MLKEM1024P384() }

// wrappedBytes is the length of a data key as HPKE has it: the encapsulated key
// (ML-KEM-1024's ciphertext and a point of P-384) and AES-256-GCM's ciphertext.
const wrappedBytes = 1568 + 97 + keyBytes + 16

// Names of the PEM blocks.
const (
	publicBlock  = "TRENT AUDIT RECOVERY PUBLIC KEY"
	privateBlock = "TRENT AUDIT RECOVERY PRIVATE KEY"
)

// PublicKey is the public half of a recovery key.
type PublicKey struct{ key hpke.PublicKey }

// PrivateKey is a recovery key. It opens every file that was sealed to it.
type PrivateKey struct{ key hpke.PrivateKey }

// NewRecoveryKey makes a key pair, as the files that are to be kept: the private
// one, which the caller wipes, and the public one.
func NewRecoveryKey() (private secret.Bytes, public []byte, err error) {
	k, err := kem().GenerateKey()
	if err != nil {
		return secret.Bytes{}, nil, err
	}
	b, err := k.Bytes()
	if err != nil {
		return secret.Bytes{}, nil, err
	}
	defer clear(b)
	private = secret.New(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: b}))
	return private, pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: k.PublicKey().Bytes()}), nil
}

// ErrPrivate: where a public key is wanted there is a private one.
var ErrPrivate = errors.New("it is the private recovery key, which belongs into a safe and on no server: take the public one")

// ReadPublicKey reads a public key's file.
func ReadPublicKey(file []byte) (*PublicKey, error) {
	b, err := block(file, publicBlock)
	if err != nil {
		if private, err := block(file, privateBlock); err == nil {
			clear(private)
			return nil, ErrPrivate
		}
		return nil, err
	}
	k, err := kem().NewPublicKey(b)
	if err != nil {
		return nil, errors.New("not a recovery key")
	}
	return &PublicKey{k}, nil
}

// ReadPrivateKey reads a private key's file.
func ReadPrivateKey(file []byte) (*PrivateKey, error) {
	b, err := block(file, privateBlock)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	k, err := kem().NewPrivateKey(b)
	if err != nil {
		return nil, errors.New("not a recovery key")
	}
	return &PrivateKey{k}, nil
}

// block reads the one PEM block of a file.
func block(file []byte, kind string) ([]byte, error) {
	b, rest := pem.Decode(file)
	if b == nil || b.Type != kind || len(b.Headers) > 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("not one PEM block of the kind %q", kind)
	}
	return b.Bytes, nil
}

// ID names the key: the first half of the SHA-256 of its public half.
func (k *PublicKey) ID() [16]byte {
	h := sha256.Sum256(k.key.Bytes())
	return [16]byte(h[:16])
}

// String is the ID in hex.
func (k *PublicKey) String() string {
	id := k.ID()
	return hex.EncodeToString(id[:])
}

// Public is the key's public half.
func (k *PrivateKey) Public() *PublicKey { return &PublicKey{k.key.PublicKey()} }

// wrap encrypts a data key to the recovery key.
func (k *PublicKey) wrap(info []byte, key secret.Bytes) ([]byte, error) {
	return hpke.Seal(k.key, hpke.HKDFSHA384(), hpke.AES256GCM(), info, key.Expose())
}

// Open is audit.Opener's: it needs no service.
func (k *PrivateKey) Open(name string, sealed []byte) ([]byte, error) {
	return open(name, sealed, func(h *header) (secret.Bytes, error) {
		if id := k.Public().ID(); !bytes.Equal(id[:], h.recovery[:]) {
			return secret.Bytes{}, fmt.Errorf("%w to recovery key %x, and this is %x", audit.ErrSealed, h.recovery, id)
		}
		plain, err := hpke.Open(k.key, hpke.HKDFSHA384(), hpke.AES256GCM(), h.bound(), h.wrapped)
		if err != nil {
			return secret.Bytes{}, errOpen
		}
		return secret.New(plain), nil
	})
}
