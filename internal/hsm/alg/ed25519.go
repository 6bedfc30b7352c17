package alg

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/asn1"
	"io"

	"trent/internal/keyspec"
)

// ed25519Scheme is Ed25519 and Ed25519ph, in crypto/ed25519. The stored form
// is Go's: the seed and the public key, 64 bytes, which spares computing it.
type ed25519Scheme struct{}

func ed25519Algorithm() algorithmIdentifier {
	return algorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 101, 112}}
}

func (ed25519Scheme) Generate(random io.Reader) ([]byte, error) {
	_, k, err := ed25519.GenerateKey(random)
	return k, err
}

// check splits a stored key and checks that the public key is the seed's: a
// signature under another one would give the private key away.
func (ed25519Scheme) check(private []byte) (seed, public []byte, err error) {
	if len(private) != ed25519.PrivateKeySize {
		return nil, nil, ErrKey
	}
	seed = private[:ed25519.SeedSize]
	k := ed25519.NewKeyFromSeed(seed)
	defer clear(k)
	if subtle.ConstantTimeCompare(k, private) != 1 {
		return nil, nil, ErrKey
	}
	return seed, private[ed25519.SeedSize:], nil
}

func (s ed25519Scheme) Public(private []byte) ([]byte, error) {
	_, public, err := s.check(private)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ed25519Algorithm(), public)
}

func (s ed25519Scheme) PKCS8(private []byte) ([]byte, error) {
	seed, _, err := s.check(private)
	if err != nil {
		return nil, err
	}
	inner, err := asn1.Marshal(seed)
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	return marshalPKCS8(ed25519Algorithm(), inner)
}

// prepare returns what is signed, and how. ED25519_PH_SHA_512 takes a digest
// of 64 bytes and hashes it once more, as AWS documents.
func prepareEd25519(a *keyspec.Alg, t MessageType, message []byte) ([]byte, *ed25519.Options, error) {
	switch {
	case !a.RawRefused && t == Raw:
		return message, &ed25519.Options{}, nil
	case a.RawRefused && t == Digest && len(message) == a.DigestBytes:
		sum := sha512.Sum512(message)
		return sum[:], &ed25519.Options{Hash: crypto.SHA512}, nil
	}
	return nil, nil, ErrInput
}

func (ed25519Scheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	signed, options, err := prepareEd25519(a, t, message)
	if err != nil {
		return nil, err
	}
	if len(private) != ed25519.PrivateKeySize {
		return nil, ErrKey
	}
	// The library keeps what it has parsed by the slice's address, which must be
	// the Go heap's.
	k := ed25519.PrivateKey(bytes.Clone(private))
	defer clear(k)
	return k.Sign(nil, signed, options)
}

func (ed25519Scheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	signed, options, err := prepareEd25519(a, t, message)
	if err != nil {
		return err
	}
	key, err := parseSPKI(ed25519Algorithm(), spki)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return ErrPublicKey
	}
	if ed25519.VerifyWithOptions(key, signed, signature, options) != nil {
		return ErrSignature
	}
	return nil
}
