package alg

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"math/big"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"

	"trent/internal/keyspec"
)

// sm2Scheme is SM2 (GB/T 32918) in emmansun/gmsm: SM2DSA with SM3 and the
// default distinguishing id, SM2PKE in the ASN.1 form C1C3C2, and ECDH, whose
// secret is the x-coordinate as for the NIST curves. The stored form is the
// scalar.
type sm2Scheme struct{}

var oidSM2 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}

const (
	sm2Bytes = 32
	// sm2ID is the distinguishing id that AWS documents for SM2DSA.
	sm2ID = "1234567812345678"
)

func (sm2Scheme) Generate() ([]byte, error) {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return k.Bytes(), nil
}

func (sm2Scheme) point(private []byte) ([]byte, error) {
	k, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return nil, ErrKey
	}
	return k.PublicKey().Bytes(), nil
}

// coordinates makes an ecdsa.PublicKey of an uncompressed point, which
// ecdh.NewPublicKey has checked to be on the curve.
func sm2Coordinates(point []byte) ecdsa.PublicKey {
	return ecdsa.PublicKey{Curve: sm2.P256(), X: new(big.Int).SetBytes(point[1 : 1+sm2Bytes]), Y: new(big.Int).SetBytes(point[1+sm2Bytes:])}
}

func (s sm2Scheme) parse(private []byte) (*sm2.PrivateKey, error) {
	point, err := s.point(private)
	if err != nil {
		return nil, err
	}
	k := new(sm2.PrivateKey)
	k.PublicKey, k.D = sm2Coordinates(point), new(big.Int).SetBytes(private)
	return k, nil
}

func (sm2Scheme) public(spki []byte) (*ecdsa.PublicKey, *ecdh.PublicKey, error) {
	point, err := parseSPKI(ecAlgorithm(oidSM2), spki)
	if err != nil {
		return nil, nil, err
	}
	if len(point) != 1+2*sm2Bytes || point[0] != 4 {
		return nil, nil, ErrPublicKey
	}
	k, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	c := sm2Coordinates(point)
	return &c, k, nil
}

func (s sm2Scheme) Public(private []byte) ([]byte, error) {
	point, err := s.point(private)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ecAlgorithm(oidSM2), point)
}

func (s sm2Scheme) PKCS8(private []byte) ([]byte, error) {
	point, err := s.point(private)
	if err != nil {
		return nil, err
	}
	return marshalEC(oidSM2, private, point)
}

func (s sm2Scheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
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
	return sm2.EncryptASN1(rand.Reader, k, plaintext)
}

func (s sm2Scheme) Decrypt(private []byte, _ *keyspec.Alg, ciphertext []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
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
	k, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return nil, ErrKey
	}
	secret, err := k.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return secret, nil
}
