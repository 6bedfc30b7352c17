package alg

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"

	"trent/internal/keyspec"
)

// nistScheme is ECDSA and ECDH on a NIST curve, in crypto/ecdsa and
// crypto/ecdh. The stored form is the scalar, as long as the curve's order.
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

func (s nistScheme) Generate() ([]byte, error) {
	k, err := ecdsa.GenerateKey(s.curve, rand.Reader)
	if err != nil {
		return nil, err
	}
	return k.Bytes()
}

// point returns the public point of a stored key, uncompressed.
func (s nistScheme) point(private []byte) ([]byte, error) {
	k, err := s.ecdh.NewPrivateKey(private)
	if err != nil {
		return nil, ErrKey
	}
	return k.PublicKey().Bytes(), nil
}

func (s nistScheme) Public(private []byte) ([]byte, error) {
	point, err := s.point(private)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ecAlgorithm(s.oid), point)
}

func (s nistScheme) PKCS8(private []byte) ([]byte, error) {
	point, err := s.point(private)
	if err != nil {
		return nil, err
	}
	return marshalEC(s.oid, private, point)
}

func (s nistScheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	sum, err := digest(a, t, message)
	if err != nil {
		return nil, err
	}
	k, err := ecdsa.ParseRawPrivateKey(s.curve, private)
	if err != nil {
		return nil, ErrKey
	}
	return ecdsa.SignASN1(rand.Reader, k, sum)
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
	k, err := s.ecdh.NewPrivateKey(private)
	if err != nil {
		return nil, ErrKey
	}
	secret, err := k.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return secret, nil
}
