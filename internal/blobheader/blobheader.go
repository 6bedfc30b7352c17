// Package blobheader owns what the service knows of a ciphertext blob: its
// header, by which Decrypt finds the key, and the hash of the encryption
// context, which is bound into it. It holds no key and does no encryption, and
// must never judge whether a blob is genuine: only the crypto module can.
// Both programs may import it; it imports only the standard library.
//
// The bytes are those of docs/formats.md, "Ciphertext blob" and "Encryption
// context".
package blobheader

import (
	"bytes"
	"errors"
)

// Sizes of a blob and its parts, in bytes.
const (
	HeaderSize     = 36 // magic, suite, flags, material id
	MaterialIDSize = 32
	KDFNonceSize   = 16
	GCMNonceSize   = 12
	TagSize        = 16
	Overhead       = HeaderSize + KDFNonceSize + GCMNonceSize + TagSize // 80
	MaxPlaintext   = 4096
	MinSize        = Overhead + 1 // AWS encrypts one byte at least
	MaxSize        = Overhead + MaxPlaintext
)

// SuiteAES256GCM is the only suite so far: AES-256-GCM under a key derived
// from the backing key.
const SuiteAES256GCM = 1

// The bytes before the material id.
const (
	magic0 = 'T'
	magic1 = 'R'
)

// ErrNotBlob says that the bytes are no ciphertext blob of ours. The client
// learns no more: it is InvalidCiphertextException without a message.
var ErrNotBlob = errors.New("not a ciphertext blob")

// Header is what stands in clear at the front of a blob.
type Header struct {
	Suite      uint8
	MaterialID [MaterialIDSize]byte
}

// Parse reads the header of a whole blob. The error is ErrNotBlob if the
// magic, the suite, the flags or the length are not those of a blob. A header
// that parses may still be forged.
func Parse(blob []byte) (Header, error) {
	if len(blob) < MinSize || len(blob) > MaxSize ||
		blob[0] != magic0 || blob[1] != magic1 || blob[2] != SuiteAES256GCM || blob[3] != 0 {
		return Header{}, ErrNotBlob
	}
	return Header{Suite: blob[2], MaterialID: [MaterialIDSize]byte(blob[4:HeaderSize])}, nil
}

// Append appends the header's 36 bytes to b.
func (h Header) Append(b []byte) []byte {
	b = append(b, magic0, magic1, h.Suite, 0)
	return append(b, h.MaterialID[:]...)
}

// MadeByAWS reports whether the bytes begin as the symmetric ciphertexts of
// AWS KMS do. It serves a hint in the log ("this was encrypted in AWS") and
// decides nothing: AWS does not document its format.
func MadeByAWS(blob []byte) bool {
	for _, prefix := range awsPrefixes {
		if bytes.HasPrefix(blob, prefix[:]) {
			return true
		}
	}
	return false
}

// awsPrefixes are the beginnings seen in public samples; in base64 they read
// AQECAH, AQEDAH, AQICAH and AQIDAH.
var awsPrefixes = [...][4]byte{{1, 1, 2, 0}, {1, 1, 3, 0}, {1, 2, 2, 0}, {1, 2, 3, 0}}
