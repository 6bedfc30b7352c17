package alg

import (
	"encoding/asn1"
	"io"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"

	"trent/internal/keyspec"
)

// mldsaScheme is ML-DSA (FIPS 204), hedged, without a context, in
// filippo.io/mldsa. The stored form is the seed, 32 bytes.
type mldsaScheme struct {
	parameters mldsa.Parameters
	algorithm  algorithmIdentifier
}

func newMLDSA(set int) Scheme {
	id := func(n int) algorithmIdentifier {
		return algorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, n}}
	}
	switch set {
	case 44:
		return mldsaScheme{mldsa.MLDSA44(), id(17)}
	case 65:
		return mldsaScheme{mldsa.MLDSA65(), id(18)}
	default:
		return mldsaScheme{mldsa.MLDSA87(), id(19)}
	}
}

func (s mldsaScheme) Generate(random io.Reader) ([]byte, error) {
	seed := make([]byte, mldsa.PrivateKeySize)
	_, err := io.ReadFull(random, seed)
	return seed, err
}

func (s mldsaScheme) Public(private []byte) ([]byte, error) {
	k, err := mldsa.NewPrivateKey(s.parameters, private)
	if err != nil {
		return nil, ErrKey
	}
	return marshalSPKI(s.algorithm, k.PublicKey().Bytes())
}

func (s mldsaScheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	k, err := mldsa.NewPrivateKey(s.parameters, private)
	if err != nil {
		return nil, ErrKey
	}
	switch {
	case t == Raw:
		return k.Sign(nil, message, &mldsa.Options{})
	case t == ExternalMu && len(message) == a.MuBytes:
		return k.Sign(nil, message, mldsacrypto.MLDSAMu)
	}
	return nil, ErrInput
}

func (s mldsaScheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	if t != Raw && (t != ExternalMu || len(message) != a.MuBytes) {
		return ErrInput
	}
	key, err := parseSPKI(s.algorithm, spki)
	if err != nil {
		return err
	}
	k, err := mldsa.NewPublicKey(s.parameters, key)
	if err != nil {
		return ErrPublicKey
	}
	if t == ExternalMu {
		err = verifyExternalMu(k, message, signature)
	} else {
		err = mldsa.Verify(k, message, signature, nil)
	}
	switch err {
	case nil, ErrUnsupported:
		return err
	}
	return ErrSignature
}
