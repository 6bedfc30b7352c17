// Package seal owns sealed markers: what the service hands to a client to get
// back later (pagination markers, grant tokens), without the client
// reading it, changing it, or using it in another account, Region or
// operation. It must never hold a secret of a customer's: a marker leaves the
// service. Operations may import it; it imports internal/secret only.
//
// The bytes are those of docs/formats.md, "Sealed markers". Nonces are random;
// NIST SP 800-38D allows 2^32 seals under one service key, which is a listing
// of a million keys, page by page, four hundred thousand times.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"trent/internal/secret"
)

// ErrInvalid says that a marker was not sealed by this key for this purpose,
// account, Region and operation.
var ErrInvalid = errors.New("invalid marker")

const (
	version = 1
	keySize = 32
)

// encoding is canonical: one marker has one text.
var encoding = base64.RawURLEncoding.Strict()

// Sealer seals and opens markers of one Region. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// New makes a Sealer of the Region's service key `seal`, 32 bytes. It keeps no
// reference to key, which the caller may wipe.
func New(key secret.Bytes) (*Sealer, error) {
	if key.Len() != keySize {
		return nil, fmt.Errorf("make a sealer: the key has %d bytes, not %d", key.Len(), keySize)
	}
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, fmt.Errorf("make a sealer: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a sealer: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal returns the marker, 39 characters longer than 4/3 of the plaintext.
// Purpose is a word of ours that keeps kinds of markers apart; operation is
// the API operation's name.
func (s *Sealer) Seal(purpose, account, region, operation string, plaintext []byte) string {
	sealed := make([]byte, 1, 1+s.aead.Overhead()+len(plaintext))
	sealed[0] = version
	sealed = s.aead.Seal(sealed, nil, plaintext, aad(purpose, account, region, operation))
	return encoding.EncodeToString(sealed)
}

// Open returns the plaintext of a marker, or ErrInvalid.
func (s *Sealer) Open(purpose, account, region, operation, marker string) ([]byte, error) {
	// The decoder skips line breaks, so that a marker would have many texts.
	if strings.ContainsAny(marker, "\r\n") {
		return nil, ErrInvalid
	}
	sealed, err := encoding.DecodeString(marker)
	if err != nil || len(sealed) < 1+s.aead.Overhead() || sealed[0] != version {
		return nil, ErrInvalid
	}
	plaintext, err := s.aead.Open(nil, nil, sealed[1:], aad(purpose, account, region, operation))
	if err != nil {
		return nil, ErrInvalid
	}
	return plaintext, nil
}

// aad is what a marker is bound to, each part framed by its length.
func aad(parts ...string) []byte {
	size := 0
	for _, p := range parts {
		size += 4 + len(p)
	}
	b := make([]byte, 0, size)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
