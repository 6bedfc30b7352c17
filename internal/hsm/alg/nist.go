package alg

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"encoding/asn1"
	"io"
	"slices"

	"trent/internal/keyspec"
)

// nistScheme is ECDSA and ECDH on a NIST curve, in crypto/ecdsa and
// crypto/ecdh. The stored form is that of splitEC.
type nistScheme struct {
	curve elliptic.Curve
	ecdh  ecdh.Curve
	oid   asn1.ObjectIdentifier
}

func newNIST(bits int) Scheme {
	switch bits {
	case 256:
		return nistScheme{elliptic.P256(), ecdh.P256(), asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}}
	case 384:
		return nistScheme{elliptic.P384(), ecdh.P384(), asn1.ObjectIdentifier{1, 3, 132, 0, 34}}
	default:
		return nistScheme{elliptic.P521(), ecdh.P521(), asn1.ObjectIdentifier{1, 3, 132, 0, 35}}
	}
}

func (s nistScheme) Generate(random io.Reader) ([]byte, error) {
	k, err := ecdsa.GenerateKey(s.curve, random)
	if err != nil {
		return nil, err
	}
	scalar, err := k.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	point, err := k.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return slices.Concat(scalar, point), nil
}

// check splits a stored key and checks that the point is the scalar's.
func (s nistScheme) check(private []byte) (scalar, point []byte, err error) {
	scalar, point, err = splitEC(private, s.curve.Params().BitSize)
	if err != nil {
		return nil, nil, err
	}
	k, err := s.ecdh.NewPrivateKey(scalar)
	if err != nil || subtle.ConstantTimeCompare(k.PublicKey().Bytes(), point) != 1 {
		return nil, nil, ErrKey
	}
	return scalar, point, nil
}

func (s nistScheme) Public(private []byte) ([]byte, error) {
	_, point, err := s.check(private)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ecAlgorithm(s.oid), point)
}

func (s nistScheme) PKCS8(private []byte) ([]byte, error) {
	scalar, point, err := s.check(private)
	if err != nil {
		return nil, err
	}
	return marshalEC(s.oid, scalar, point)
}

func (s nistScheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	sum, err := digest(a, t, message)
	if err != nil {
		return nil, err
	}
	scalar, point, err := splitEC(private, s.curve.Params().BitSize)
	if err != nil {
		return nil, err
	}
	k := privateEC(s.curve, scalar, point)
	defer wipeEC(k)
	signature, err := ecdsa.SignASN1(rand.Reader, k, sum)
	if err != nil {
		return nil, ErrKey // the scalar is out of range, or the point not on the curve
	}
	return signature, nil
}

func (s nistScheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	sum, err := digest(a, t, message)
	if err != nil {
		return err
	}
	point, err := parseSPKI(ecAlgorithm(s.oid), spki)
	if err != nil {
		return err
	}
	k, err := ecdsa.ParseUncompressedPublicKey(s.curve, point)
	if err != nil {
		return ErrPublicKey
	}
	if !ecdsa.VerifyASN1(k, sum, signature) {
		return ErrSignature
	}
	return nil
}

func (s nistScheme) Agree(private, peerSPKI []byte) ([]byte, error) {
	point, err := parseSPKI(ecAlgorithm(s.oid), peerSPKI)
	if err != nil {
		return nil, err
	}
	peer, err := s.ecdh.NewPublicKey(point)
	if err != nil {
		return nil, ErrPublicKey
	}
	scalar, _, err := splitEC(private, s.curve.Params().BitSize)
	if err != nil {
		return nil, err
	}
	k, err := s.ecdh.NewPrivateKey(scalar)
	if err != nil {
		return nil, ErrKey
	}
	secret, err := k.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return secret, nil
}
