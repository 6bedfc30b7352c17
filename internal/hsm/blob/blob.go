// Package blob owns the cryptography of the ciphertext blob, suite 1: what
// Encrypt returns for a symmetric key. The bytes are in docs/formats.md,
// "Ciphertext blob".
//
// It must never say why a blob does not open: ErrInvalid is the one answer,
// and every refusal costs the same derivation and the same AEAD call. It
// receives the hash of the encryption context and never sees the context.
// Only packages under internal/hsm may import it.
package blob

import (
	"crypto/subtle"
	"errors"

	"trent/internal/hsm/kdf"
)

// Sizes in bytes.
const (
	HeaderSize = 36
	Overhead   = HeaderSize + kdf.NonceSize + 12 + 16 // what a blob has more than its plaintext
	HashSize   = 32                                   // of the encryption context

	saltedSize = HeaderSize + kdf.NonceSize
)

// The first four bytes of a blob: magic, suite 1, no flags.
const prefix = "TR\x01\x00"

// ErrInvalid says that a blob does not open.
var ErrInvalid = errors.New("blob: invalid ciphertext")

// Box is the working memory of sealing and opening. The zero value is ready;
// it serves one goroutine at a time and holds nothing secret between calls.
type Box struct {
	d     kdf.Deriver
	aad   [saltedSize + HashSize]byte
	decoy [Overhead]byte
}

// Seal appends to dst the blob of plaintext under key, the backing key whose
// material id is given. nonce is fresh randomness. plaintext must not overlap
// dst.
func (b *Box) Seal(dst, key []byte, materialID *[kdf.MaterialIDSize]byte, contextHash *[HashSize]byte, nonce *[kdf.NonceSize]byte, plaintext []byte) ([]byte, error) {
	start := len(dst)
	out := append(dst, prefix...)
	out = append(out, materialID[:]...)
	out = append(out, nonce[:]...)
	aead, err := b.d.AEAD(key, kdf.LabelBlob, out[start:start+HeaderSize], nonce)
	if err != nil {
		return dst, err
	}
	return aead.Seal(out, nil, plaintext, b.fillAAD(out[start:], contextHash)), nil
}

// Open appends to dst the plaintext of blob under key, the backing key whose
// material id is given. dst must not overlap blob. The error is ErrInvalid:
// a blob of another form, key or context goes the way of a wrong tag.
func (b *Box) Open(dst, key []byte, materialID *[kdf.MaterialIDSize]byte, contextHash *[HashSize]byte, blob []byte) ([]byte, error) {
	if len(blob) < Overhead {
		blob = b.decoy[:] // has another prefix
	}
	fits := subtle.ConstantTimeCompare(blob[:len(prefix)], []byte(prefix)) &
		subtle.ConstantTimeCompare(blob[len(prefix):HeaderSize], materialID[:])
	nonce := (*[kdf.NonceSize]byte)(blob[HeaderSize:])
	aead, err := b.d.AEAD(key, kdf.LabelBlob, blob[:HeaderSize], nonce)
	if err != nil {
		return dst, ErrInvalid
	}
	out, err := aead.Open(dst, nil, blob[saltedSize:], b.fillAAD(blob, contextHash))
	if err != nil {
		return dst, ErrInvalid
	}
	if fits != 1 {
		clear(out[len(dst):])
		return dst, ErrInvalid
	}
	return out, nil
}

// fillAAD returns header ‖ KDF nonce ‖ context hash.
func (b *Box) fillAAD(salted []byte, contextHash *[HashSize]byte) []byte {
	copy(b.aad[:saltedSize], salted)
	copy(b.aad[saltedSize:], contextHash[:])
	return b.aad[:]
}
