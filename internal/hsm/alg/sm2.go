package alg

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"io"
	"slices"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"

	"trent/internal/keyspec"
)

// sm2Scheme is SM2 (GB/T 32918) in emmansun/gmsm: SM2DSA with SM3 and the
// default distinguishing id, SM2PKE in the ASN.1 form C1C3C2, and ECDH, whose
// secret is the x-coordinate as for the NIST curves. The stored form is that
// of splitEC.
type sm2Scheme struct{}

var oidSM2 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}

const (
	sm2Bits = 256
	// sm2ID is the distinguishing id that AWS documents for SM2DSA.
	sm2ID = "1234567812345678"

	derSequence = 0x30
)

func (sm2Scheme) Generate(random io.Reader) ([]byte, error) {
	k, err := ecdh.P256().GenerateKey(random)
	if err != nil {
		return nil, err
	}
	scalar := k.Bytes()
	defer clear(scalar)
	return slices.Concat(scalar, k.PublicKey().Bytes()), nil
}

// agreement splits a stored key and checks its scalar, from 1 to the order less
// 2: the library takes the order less 1 too, and then never ends a signature.
func (sm2Scheme) agreement(private []byte) (k *ecdh.PrivateKey, point []byte, err error) {
	scalar, point, err := splitEC(private, sm2Bits)
	if err != nil {
		return nil, nil, err
	}
	last := sm2.P256().Params().N.Bytes()
	last[len(last)-1]-- // the order is odd
	if k, err = ecdh.P256().NewPrivateKey(scalar); err != nil || subtle.ConstantTimeCompare(scalar, last) == 1 {
		return nil, nil, ErrKey
	}
	return k, point, nil
}

// check is agreement, and checks that the point is the scalar's.
func (s sm2Scheme) check(private []byte) (scalar, point []byte, err error) {
	k, point, err := s.agreement(private)
	if err != nil || subtle.ConstantTimeCompare(k.PublicKey().Bytes(), point) != 1 {
		return nil, nil, ErrKey
	}
	return private[:sm2Bits/8], point, nil
}

// parse makes the key that signs and decrypts. The caller wipes it with wipeEC.
func (s sm2Scheme) parse(private []byte) (*sm2.PrivateKey, error) {
	_, point, err := s.agreement(private)
	if err != nil {
		return nil, err
	}
	return &sm2.PrivateKey{PrivateKey: *privateEC(sm2.P256(), private[:sm2Bits/8], point)}, nil
}

func (sm2Scheme) public(spki []byte) (*ecdsa.PublicKey, *ecdh.PublicKey, error) {
	point, err := parseSPKI(ecAlgorithm(oidSM2), spki)
	if err != nil {
		return nil, nil, err
	}
	k, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	c := publicEC(sm2.P256(), point)
	return &c, k, nil
}

func (s sm2Scheme) Public(private []byte) ([]byte, error) {
	_, point, err := s.check(private)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ecAlgorithm(oidSM2), point)
}

func (s sm2Scheme) PKCS8(private []byte) ([]byte, error) {
	scalar, point, err := s.check(private)
	if err != nil {
		return nil, err
	}
	return marshalEC(oidSM2, scalar, point)
}

func (s sm2Scheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer wipeEC(&k.PrivateKey)
	switch {
	case t == Raw:
		return k.SignWithSM2(rand.Reader, []byte(sm2ID), message)
	case t == Digest && len(message) == a.DigestBytes:
		return sm2.SignASN1(rand.Reader, k, message, nil)
	}
	return nil, ErrInput
}

func (s sm2Scheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	if t != Raw && (t != Digest || len(message) != a.DigestBytes) {
		return ErrInput
	}
	k, _, err := s.public(spki)
	if err != nil {
		return err
	}
	ok := false
	if t == Raw {
		ok = sm2.VerifyASN1WithSM2(k, []byte(sm2ID), message, signature)
	} else {
		ok = sm2.VerifyASN1(k, message, signature)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

func (s sm2Scheme) Encrypt(spki []byte, a *keyspec.Alg, plaintext []byte) ([]byte, error) {
	if len(plaintext) == 0 || len(plaintext) > a.MaxPlaintextBytes {
		return nil, ErrInput
	}
	k, _, err := s.public(spki)
	if err != nil {
		return nil, err
	}
	for range sm2Attempts {
		ciphertext, err := sm2.EncryptASN1(new(oneNonce), k, plaintext)
		if errors.Is(err, errSecondNonce) || err == nil && allZero(ciphertext[len(ciphertext)-len(plaintext):]) {
			continue
		}
		return ciphertext, err
	}
	return nil, errSecondNonce
}

// oneNonce gives random bytes once. The library needs a second nonce where the
// key stream is all zeros, for one plaintext of a single byte in 256, and then
// encrypts to another key; nor does it decrypt where the last part of the
// ciphertext is all zeros. Encrypt begins again instead.
type oneNonce struct{ given bool }

var errSecondNonce = errors.New("alg: no key stream found")

// sm2Attempts bounds how often: each fails once in 128 at worst.
const sm2Attempts = 32

func (r *oneNonce) Read(p []byte) (int, error) {
	if r.given {
		return 0, errSecondNonce
	}
	r.given = true
	return rand.Read(p)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (s sm2Scheme) Decrypt(private []byte, _ *keyspec.Alg, ciphertext []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer wipeEC(&k.PrivateKey)
	if len(ciphertext) == 0 || ciphertext[0] != derSequence {
		return nil, ErrCiphertext // the library knows other forms too
	}
	plaintext, err := k.Decrypt(nil, ciphertext, sm2.ASN1DecrypterOpts)
	if err != nil {
		return nil, ErrCiphertext
	}
	return plaintext, nil
}

func (s sm2Scheme) Agree(private, peerSPKI []byte) ([]byte, error) {
	_, peer, err := s.public(peerSPKI)
	if err != nil {
		return nil, err
	}
	k, _, err := s.agreement(private)
	if err != nil {
		return nil, err
	}
	secret, err := k.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return secret, nil
}
