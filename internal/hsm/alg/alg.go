// Package alg is what the crypto module can do with each key spec of
// internal/keyspec but SYMMETRIC_DEFAULT, whose constructions are the blob's:
// one file a family, each on a library's primitives.
//
// A private key has a stored form, the secret of its token, in whatever layout
// is parsed fastest (docs/formats.md, "Stored private keys"); a public key is
// DER SubjectPublicKeyInfo (SPKI), as AWS shows it. Nothing is cached: every
// call parses what it is given.
//
// It must never keep, log or put into an error what it was given. Its errors
// are the five of this file and tell nothing of a secret; a decryption fails
// with one of them whatever the reason. Only packages under internal/hsm may
// import it.
package alg

import (
	"errors"
	"io"

	"trent/internal/keyspec"
)

// Errors.
var (
	// ErrKey: a stored private key does not have its family's form.
	ErrKey = errors.New("alg: not a private key of this spec")
	// ErrPublicKey: not a public key of this spec: malformed DER, another
	// algorithm or curve, a point that is not on it, a size of another spec.
	ErrPublicKey = errors.New("alg: not a public key of this spec")
	// ErrInput: a message, digest or plaintext of a length that the algorithm
	// does not take, or a message type.
	ErrInput = errors.New("alg: input not for this algorithm")
	// ErrCiphertext: it does not decrypt.
	ErrCiphertext = errors.New("alg: invalid ciphertext")
	// ErrSignature: the signature or MAC is not the key's for that message.
	ErrSignature = errors.New("alg: invalid signature")
	// ErrUnsupported: no library offers it yet.
	ErrUnsupported = errors.New("alg: not supported")
)

// MessageType says what the message of Sign and Verify is.
type MessageType uint8

// The message types; numbers stand in frames.
const (
	Raw        MessageType = 1
	Digest     MessageType = 2
	ExternalMu MessageType = 3
)

// Scheme is a spec's implementation. It has more methods, one interface for
// each usage.
type Scheme interface {
	// Generate makes a private key in its stored form, of bytes from random
	// where the library lets it: Go's own take their FIPS module's. The caller
	// wipes it.
	Generate(random io.Reader) (private []byte, err error)
	// Public returns the SPKI of a stored private key; nil for MAC keys.
	Public(private []byte) (spki []byte, err error)
}

// Exporter is implemented by specs of which there are data key pairs.
type Exporter interface {
	// PKCS8 returns a stored private key as PKCS #8 DER. The caller wipes it.
	PKCS8(private []byte) ([]byte, error)
}

// Signer is implemented by specs with SIGN_VERIFY.
type Signer interface {
	Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) (signature []byte, err error)
	// Verify returns nil, ErrSignature, ErrPublicKey, ErrInput or ErrUnsupported.
	Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error
}

// Cipher is implemented by asymmetric specs with ENCRYPT_DECRYPT.
type Cipher interface {
	Encrypt(spki []byte, a *keyspec.Alg, plaintext []byte) (ciphertext []byte, err error)
	// Decrypt returns ErrCiphertext whatever is wrong with the ciphertext.
	Decrypt(private []byte, a *keyspec.Alg, ciphertext []byte) (plaintext []byte, err error)
}

// Agreer is implemented by specs with KEY_AGREEMENT.
type Agreer interface {
	// Agree returns the raw shared secret, the x-coordinate as long as the field.
	Agree(private, peerSPKI []byte) (secret []byte, err error)
}

// Encapsulator is implemented by specs with ENCAPSULATE_DECAPSULATE.
type Encapsulator interface {
	Encapsulate(spki []byte) (secret, ciphertext []byte, err error)
	// Decapsulate rejects implicitly, as FIPS 203 has it: ErrCiphertext is for
	// a wrong length only.
	Decapsulate(private, ciphertext []byte) (secret []byte, err error)
}

// Authenticator is implemented by specs with GENERATE_VERIFY_MAC.
type Authenticator interface {
	MAC(private []byte, message []byte) (mac []byte, err error)
	// Check compares in constant time; ErrSignature says no.
	Check(private []byte, message, mac []byte) error
}

// Of returns a spec's implementation, nil for SYMMETRIC_DEFAULT and for what
// is no spec.
func Of(r *keyspec.Row) Scheme {
	if r == nil {
		return nil
	}
	switch r.Family {
	case keyspec.RSA:
		return rsaScheme{bits: r.Parameter}
	case keyspec.ECDSA:
		return newNIST(r.Parameter)
	case keyspec.Secp256k1:
		return secp256k1Scheme{}
	case keyspec.Ed25519:
		return ed25519Scheme{}
	case keyspec.MAC:
		return macScheme{bits: r.Parameter}
	case keyspec.MLDSA:
		return newMLDSA(r.Parameter)
	case keyspec.MLKEM:
		return newMLKEM(r.Parameter)
	case keyspec.SM2:
		return sm2Scheme{}
	}
	return nil
}
