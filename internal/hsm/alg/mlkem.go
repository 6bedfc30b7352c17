package alg

import (
	"crypto/mlkem"
	"encoding/asn1"
	"io"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// seedBytes is the stored form of an ML-KEM key: the seed d ‖ z of FIPS 203.
const seedBytes = mlkem.SeedSize

// mlkemScheme is ML-KEM (FIPS 203): 768 and 1024 in crypto/mlkem, 512 in
// cloudflare/circl.
type mlkemScheme struct {
	algorithm algorithmIdentifier
	set       mlkemSet
}

// mlkemSet is a parameter set: keys are the encodings of FIPS 203.
type mlkemSet interface {
	public(seed []byte) (key []byte, err error)
	encapsulate(key []byte) (secret, ciphertext []byte, err error)
	decapsulate(seed, ciphertext []byte) (secret []byte, err error)
}

func newMLKEM(set int) Scheme {
	id := func(n int) algorithmIdentifier {
		return algorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, n}}
	}
	switch set {
	case 512:
		return mlkemScheme{id(1), mlkem512Set{mlkem512.Scheme()}}
	case 768:
		return mlkemScheme{id(2), mlkem768Set{}}
	default:
		return mlkemScheme{id(3), mlkem1024Set{}}
	}
}

func (mlkemScheme) Generate(random io.Reader) ([]byte, error) {
	seed := make([]byte, seedBytes)
	_, err := io.ReadFull(random, seed)
	return seed, err
}

func (s mlkemScheme) Public(private []byte) ([]byte, error) {
	if len(private) != seedBytes {
		return nil, ErrKey
	}
	key, err := s.set.public(private)
	if err != nil {
		return nil, ErrKey
	}
	return marshalSPKI(s.algorithm, key)
}

// PKCS8 is in the seed form of RFC 9935: the same length for all sets.
func (s mlkemScheme) PKCS8(private []byte) ([]byte, error) {
	if len(private) != seedBytes {
		return nil, ErrKey
	}
	seed, err := asn1.MarshalWithParams(private, "tag:0")
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	return marshalPKCS8(s.algorithm, seed)
}

func (s mlkemScheme) Encapsulate(spki []byte) (secret, ciphertext []byte, err error) {
	key, err := parseSPKI(s.algorithm, spki)
	if err != nil {
		return nil, nil, err
	}
	secret, ciphertext, err = s.set.encapsulate(key)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	return secret, ciphertext, nil
}

func (s mlkemScheme) Decapsulate(private, ciphertext []byte) ([]byte, error) {
	if len(private) != seedBytes {
		return nil, ErrKey
	}
	secret, err := s.set.decapsulate(private, ciphertext)
	if err != nil {
		return nil, ErrCiphertext
	}
	return secret, nil
}

type mlkem768Set struct{}

func (mlkem768Set) public(seed []byte) ([]byte, error) {
	k, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return nil, err
	}
	return k.EncapsulationKey().Bytes(), nil
}

func (mlkem768Set) encapsulate(key []byte) (secret, ciphertext []byte, err error) {
	k, err := mlkem.NewEncapsulationKey768(key)
	if err != nil {
		return nil, nil, err
	}
	secret, ciphertext = k.Encapsulate()
	return secret, ciphertext, nil
}

func (mlkem768Set) decapsulate(seed, ciphertext []byte) ([]byte, error) {
	k, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return nil, err
	}
	return k.Decapsulate(ciphertext)
}

type mlkem1024Set struct{}

func (mlkem1024Set) public(seed []byte) ([]byte, error) {
	k, err := mlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		return nil, err
	}
	return k.EncapsulationKey().Bytes(), nil
}

func (mlkem1024Set) encapsulate(key []byte) (secret, ciphertext []byte, err error) {
	k, err := mlkem.NewEncapsulationKey1024(key)
	if err != nil {
		return nil, nil, err
	}
	secret, ciphertext = k.Encapsulate()
	return secret, ciphertext, nil
}

func (mlkem1024Set) decapsulate(seed, ciphertext []byte) ([]byte, error) {
	k, err := mlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		return nil, err
	}
	return k.Decapsulate(ciphertext)
}

// mlkem512Set checks lengths itself: circl panics on some.
type mlkem512Set struct{ scheme kem.Scheme }

func (s mlkem512Set) public(seed []byte) ([]byte, error) {
	k, _ := s.scheme.DeriveKeyPair(seed)
	return k.MarshalBinary()
}

func (s mlkem512Set) encapsulate(key []byte) (secret, ciphertext []byte, err error) {
	k, err := s.scheme.UnmarshalBinaryPublicKey(key)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, secret, err = s.scheme.Encapsulate(k)
	return secret, ciphertext, err
}

func (s mlkem512Set) decapsulate(seed, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) != s.scheme.CiphertextSize() {
		return nil, ErrCiphertext
	}
	_, k := s.scheme.DeriveKeyPair(seed)
	return s.scheme.Decapsulate(k, ciphertext)
}
