package alg

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"

	"trent/internal/keyspec"
)

// hashOf is the hash with digests of that length.
func hashOf(bytes int) crypto.Hash {
	switch bytes {
	case sha256.Size:
		return crypto.SHA256
	case sha512.Size384:
		return crypto.SHA384
	case sha512.Size:
		return crypto.SHA512
	}
	return 0
}

// digest is the hash that an algorithm signs: of a raw message, or given.
func digest(a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	switch {
	case t == Digest && len(message) == a.DigestBytes:
		return message, nil
	case t != Raw || a.RawRefused:
		return nil, ErrInput
	}
	switch a.DigestBytes {
	case sha256.Size:
		sum := sha256.Sum256(message)
		return sum[:], nil
	case sha512.Size384:
		sum := sha512.Sum384(message)
		return sum[:], nil
	case sha512.Size:
		sum := sha512.Sum512(message)
		return sum[:], nil
	}
	return nil, ErrInput
}
