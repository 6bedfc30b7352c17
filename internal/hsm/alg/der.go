package alg

import (
	"encoding/asn1"
)

// SubjectPublicKeyInfo of RFC 5280 and PrivateKeyInfo of RFC 5208. crypto/x509
// knows half of our algorithms only, and brings the network packages with it.
type (
	algorithmIdentifier struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	subjectPublicKeyInfo struct {
		Algorithm algorithmIdentifier
		PublicKey asn1.BitString
	}
	privateKeyInfo struct {
		Version    int
		Algorithm  algorithmIdentifier
		PrivateKey []byte
	}
	// ecPrivateKey is RFC 5915's; the curve stands in the PrivateKeyInfo.
	ecPrivateKey struct {
		Version    int
		PrivateKey []byte
		PublicKey  asn1.BitString `asn1:"explicit,tag:1"`
	}
)

var (
	oidRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	derNull        = asn1.RawValue{FullBytes: []byte{5, 0}}
)

// ecAlgorithm is id-ecPublicKey with a named curve.
func ecAlgorithm(curve asn1.ObjectIdentifier) algorithmIdentifier {
	der, err := asn1.Marshal(curve)
	if err != nil {
		panic(err) // the curves are constants
	}
	return algorithmIdentifier{oidECPublicKey, asn1.RawValue{FullBytes: der}}
}

// marshalSPKI encodes a public key whose bits are key.
func marshalSPKI(a algorithmIdentifier, key []byte) ([]byte, error) {
	return asn1.Marshal(subjectPublicKeyInfo{a, asn1.BitString{Bytes: key, BitLength: len(key) * 8}})
}

// parseSPKI returns the key's bits of an SPKI with that very algorithm, and
// nothing behind it. It accepts DER only: what it accepts, marshalSPKI makes.
func parseSPKI(a algorithmIdentifier, der []byte) ([]byte, error) {
	var info subjectPublicKeyInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 || info.PublicKey.BitLength%8 != 0 {
		return nil, ErrPublicKey
	}
	again, err := marshalSPKI(a, info.PublicKey.Bytes)
	if err != nil || string(again) != string(der) {
		return nil, ErrPublicKey
	}
	return info.PublicKey.Bytes, nil
}

// marshalPKCS8 encodes a private key whose octets are key.
func marshalPKCS8(a algorithmIdentifier, key []byte) ([]byte, error) {
	return asn1.Marshal(privateKeyInfo{0, a, key})
}

// marshalEC is marshalPKCS8 of a scalar with its public point.
func marshalEC(curve asn1.ObjectIdentifier, scalar, point []byte) ([]byte, error) {
	inner, err := asn1.Marshal(ecPrivateKey{1, scalar, asn1.BitString{Bytes: point, BitLength: len(point) * 8}})
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	return marshalPKCS8(ecAlgorithm(curve), inner)
}
