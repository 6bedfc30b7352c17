package alg

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
)

// macScheme is HMAC with the SHA-2 hash of that many bits, in crypto/hmac. The
// stored form is the key, as long as the hash, or longer if it was imported.
type macScheme struct{ bits int }

func (s macScheme) hash() hash.Hash {
	switch s.bits {
	case 224:
		return sha256.New224()
	case 256:
		return sha256.New()
	case 384:
		return sha512.New384()
	default:
		return sha512.New()
	}
}

func (s macScheme) Generate(random io.Reader) ([]byte, error) {
	k := make([]byte, s.bits/8)
	_, err := io.ReadFull(random, k)
	return k, err
}

// Public returns nil: there is no public key.
func (macScheme) Public([]byte) ([]byte, error) { return nil, nil }

func (s macScheme) MAC(private, message []byte) ([]byte, error) {
	if len(private) < s.bits/8 || len(private) > maxMAC {
		return nil, ErrKey
	}
	m := hmac.New(s.hash, private)
	m.Write(message)
	return m.Sum(nil), nil
}

func (s macScheme) Check(private, message, mac []byte) error {
	want, err := s.MAC(private, message)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, mac) {
		return ErrSignature
	}
	return nil
}
