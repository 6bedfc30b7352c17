package alg

import (
	"crypto/rand"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"trent/internal/keyspec"
)

// secp256k1Scheme is ECDSA on secp256k1, in decred's library: nonces of
// RFC 6979, signatures with the lower S. The stored form is the scalar.
type secp256k1Scheme struct{}

var oidSecp256k1 = asn1.ObjectIdentifier{1, 3, 132, 0, 10}

const secp256k1Bytes = 32

func (secp256k1Scheme) Generate() ([]byte, error) {
	k, err := secp256k1.GeneratePrivateKeyFromRand(rand.Reader)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return k.Serialize(), nil
}

func (secp256k1Scheme) parse(private []byte) (*secp256k1.PrivateKey, error) {
	k := new(secp256k1.PrivateKey)
	if len(private) != secp256k1Bytes || k.Key.SetByteSlice(private) || k.Key.IsZero() {
		return nil, ErrKey
	}
	return k, nil
}

func (s secp256k1Scheme) Public(private []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return marshalSPKI(ecAlgorithm(oidSecp256k1), k.PubKey().SerializeUncompressed())
}

func (s secp256k1Scheme) PKCS8(private []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return marshalEC(oidSecp256k1, private, k.PubKey().SerializeUncompressed())
}

func (s secp256k1Scheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	sum, err := digest(a, t, message)
	if err != nil {
		return nil, err
	}
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return ecdsa.Sign(k, sum).Serialize(), nil
}

func (s secp256k1Scheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	sum, err := digest(a, t, message)
	if err != nil {
		return err
	}
	point, err := parseSPKI(ecAlgorithm(oidSecp256k1), spki)
	if err != nil {
		return err
	}
	if len(point) != 1+2*secp256k1Bytes || point[0] != 4 {
		return ErrPublicKey
	}
	k, err := secp256k1.ParsePubKey(point)
	if err != nil {
		return ErrPublicKey
	}
	parsed, err := ecdsa.ParseDERSignature(signature)
	if err != nil || !parsed.Verify(sum, k) {
		return ErrSignature
	}
	return nil
}
