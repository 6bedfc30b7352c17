package alg

import (
	"crypto/rand"
	"encoding/asn1"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"trent/internal/keyspec"
)

// secp256k1Scheme is ECDSA on secp256k1, in decred's library: nonces of
// RFC 6979, signatures with the lower S. The stored form is the scalar.
//
// The library multiplies and inverts scalars in a time that depends on them, so
// what is secret is blinded before: it then works on random numbers only.
type secp256k1Scheme struct{}

var oidSecp256k1 = asn1.ObjectIdentifier{1, 3, 132, 0, 10}

const secp256k1Bytes = 32

func (secp256k1Scheme) Generate(random io.Reader) ([]byte, error) {
	k, err := secp256k1.GeneratePrivateKeyFromRand(random)
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
	point, err := blindBaseMult(&k.Key)
	if err != nil {
		return nil, err
	}
	return marshalSPKI(ecAlgorithm(oidSecp256k1), secp256k1.NewPublicKey(&point.X, &point.Y).SerializeUncompressed())
}

func (s secp256k1Scheme) PKCS8(private []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	point, err := blindBaseMult(&k.Key)
	if err != nil {
		return nil, err
	}
	return marshalEC(oidSecp256k1, private, secp256k1.NewPublicKey(&point.X, &point.Y).SerializeUncompressed())
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
	var e secp256k1.ModNScalar
	e.SetByteSlice(sum)
	for iteration := uint32(0); ; iteration++ {
		nonce := secp256k1.NonceRFC6979(private, sum, nil, nil, iteration)
		r, s, err := signBlinded(&k.Key, nonce, &e)
		nonce.Zero()
		if err != nil {
			return nil, err
		}
		if !r.IsZero() && !s.IsZero() { // as they are but once in 2^255
			return ecdsa.NewSignature(r, s).Serialize(), nil
		}
	}
}

// signBlinded computes r = x(kG) and s = (e + dr)/k.
func signBlinded(d, k, e *secp256k1.ModNScalar) (r, s *secp256k1.ModNScalar, err error) {
	point, err := blindBaseMult(k)
	if err != nil {
		return nil, nil, err
	}
	r = new(secp256k1.ModNScalar)
	r.SetByteSlice(point.X.Bytes()[:])
	b, err := blindingScalar()
	if err != nil {
		return nil, nil, err
	}
	inverse := new(secp256k1.ModNScalar).Mul2(k, b)
	inverse.InverseNonConst().Mul(b) // 1/(kb) · b
	s = new(secp256k1.ModNScalar).Mul2(d, r)
	s.Add(e).Mul(inverse)
	inverse.Zero()
	return r, s, nil
}

// blindBaseMult computes kG as (k-b)G + bG.
func blindBaseMult(k *secp256k1.ModNScalar) (*secp256k1.JacobianPoint, error) {
	b, err := blindingScalar()
	if err != nil {
		return nil, err
	}
	rest := new(secp256k1.ModNScalar).NegateVal(b)
	rest.Add(k)
	var one, two, sum secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(rest, &one)
	secp256k1.ScalarBaseMultNonConst(b, &two)
	secp256k1.AddNonConst(&one, &two, &sum)
	sum.ToAffine()
	rest.Zero()
	b.Zero()
	return &sum, nil
}

// blindingScalar is random, and not zero.
func blindingScalar() (*secp256k1.ModNScalar, error) {
	k, err := secp256k1.GeneratePrivateKeyFromRand(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &k.Key, nil
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
