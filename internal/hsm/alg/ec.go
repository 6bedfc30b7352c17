package alg

//lint:file-ignore SA1019 the fields of crypto/ecdsa's keys are deprecated, but its parsers compute the public point again: a third to a half of a signature's work

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
)

// splitEC splits the stored form of a key on a NIST curve or SM2's: the scalar,
// as long as the field, and the public point, uncompressed. The point spares
// computing it with each signature; whether it is the scalar's is checked where
// a public key is made of it.
func splitEC(private []byte, bits int) (scalar, point []byte, err error) {
	n := (bits + 7) / 8
	if len(private) != n+1+2*n || private[n] != 4 {
		return nil, nil, ErrKey
	}
	return private[:n], private[n:], nil
}

// publicEC makes a public key of an uncompressed point. Whoever uses it checks
// that it is on the curve.
func publicEC(c elliptic.Curve, point []byte) ecdsa.PublicKey {
	n := len(point) / 2
	return ecdsa.PublicKey{Curve: c, X: new(big.Int).SetBytes(point[1 : 1+n]), Y: new(big.Int).SetBytes(point[1+n:])}
}

// privateEC makes a private key of a scalar and its point. The caller wipes it
// with wipeEC.
func privateEC(c elliptic.Curve, scalar, point []byte) *ecdsa.PrivateKey {
	return &ecdsa.PrivateKey{PublicKey: publicEC(c, point), D: new(big.Int).SetBytes(scalar)}
}

func wipeEC(k *ecdsa.PrivateKey) { clear(k.D.Bits()) }
