package alg

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"hash"
	"io"
	"math"
	"math/big"
	"strings"

	"trent/internal/keyspec"
)

// rsaScheme is RSA with a modulus of that many bits, in crypto/rsa. The stored
// form is PKCS #1's RSAPrivateKey, of two primes, with its CRT members: they
// spare their computation.
type rsaScheme struct{ bits int }

type pkcs1Private struct {
	Version      int
	N            *big.Int
	E            int
	D, P, Q      *big.Int
	Dp, Dq, Qinv *big.Int
}

type pkcs1Public struct {
	N *big.Int
	E int
}

func rsaAlgorithm() algorithmIdentifier { return algorithmIdentifier{oidRSA, derNull} }

func (s rsaScheme) Generate(random io.Reader) ([]byte, error) {
	k, err := rsa.GenerateKey(random, s.bits)
	if err != nil {
		return nil, err
	}
	k.Precompute()
	return asn1.Marshal(pkcs1Private{0, k.N, k.E, k.D, k.Primes[0], k.Primes[1], k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv})
}

// parse reads a stored key.
func (s rsaScheme) parse(private []byte) (*rsa.PrivateKey, error) {
	var p pkcs1Private
	rest, err := asn1.Unmarshal(private, &p)
	if err != nil || len(rest) > 0 || p.Version != 0 || p.N.BitLen() != s.bits {
		return nil, ErrKey
	}
	for _, n := range []*big.Int{p.N, p.D, p.P, p.Q, p.Dp, p.Dq, p.Qinv} {
		if n.Sign() <= 0 {
			return nil, ErrKey // crypto/rsa takes absolute values
		}
	}
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: p.N, E: p.E}, D: p.D, Primes: []*big.Int{p.P, p.Q}}
	k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv = p.Dp, p.Dq, p.Qinv
	k.Precompute() // checks the key too, and keeps no error
	if k.Validate() != nil {
		return nil, ErrKey
	}
	return k, nil
}

func (s rsaScheme) Public(private []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	key, err := asn1.Marshal(pkcs1Public{k.N, k.E})
	if err != nil {
		return nil, err
	}
	return marshalSPKI(rsaAlgorithm(), key)
}

func (s rsaScheme) public(spki []byte) (*rsa.PublicKey, error) {
	key, err := parseSPKI(rsaAlgorithm(), spki)
	if err != nil {
		return nil, err
	}
	var p pkcs1Public
	rest, err := asn1.Unmarshal(key, &p)
	if err != nil || len(rest) > 0 || p.N.Sign() <= 0 || p.N.BitLen() != s.bits || p.N.Bit(0) == 0 {
		return nil, ErrPublicKey
	}
	if p.E < 3 || p.E > math.MaxInt32 || p.E%2 == 0 {
		return nil, ErrPublicKey // crypto/rsa refuses them later
	}
	return &rsa.PublicKey{N: p.N, E: p.E}, nil
}

func (s rsaScheme) PKCS8(private []byte) ([]byte, error) {
	if _, err := s.parse(private); err != nil {
		return nil, err
	}
	return marshalPKCS8(rsaAlgorithm(), private)
}

// pss reports whether an algorithm is PSS; the others of SIGN_VERIFY are PKCS #1 v1.5.
func pss(a *keyspec.Alg) bool { return strings.HasPrefix(string(a.Name), "RSASSA_PSS_") }

// pssOptions: the salt is as long as the hash, as AWS's.
func pssOptions(h crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
}

func (s rsaScheme) Sign(private []byte, a *keyspec.Alg, t MessageType, message []byte) ([]byte, error) {
	sum, err := digest(a, t, message)
	if err != nil {
		return nil, err
	}
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	h := hashOf(a.DigestBytes)
	if pss(a) {
		return rsa.SignPSS(rand.Reader, k, h, sum, pssOptions(h))
	}
	return rsa.SignPKCS1v15(nil, k, h, sum)
}

func (s rsaScheme) Verify(spki []byte, a *keyspec.Alg, t MessageType, message, signature []byte) error {
	sum, err := digest(a, t, message)
	if err != nil {
		return err
	}
	k, err := s.public(spki)
	if err != nil {
		return err
	}
	h := hashOf(a.DigestBytes)
	if pss(a) {
		err = rsa.VerifyPSS(k, h, sum, signature, pssOptions(h))
	} else {
		err = rsa.VerifyPKCS1v15(k, h, sum, signature)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

// oaepHash is the hash of an OAEP algorithm, for the label and MGF1.
func oaepHash(a *keyspec.Alg) hash.Hash {
	if strings.HasSuffix(string(a.Name), "_SHA_1") {
		return sha1.New()
	}
	return sha256.New()
}

func (s rsaScheme) Encrypt(spki []byte, a *keyspec.Alg, plaintext []byte) ([]byte, error) {
	if len(plaintext) > a.MaxPlaintextBytes {
		return nil, ErrInput
	}
	k, err := s.public(spki)
	if err != nil {
		return nil, err
	}
	return rsa.EncryptOAEP(oaepHash(a), rand.Reader, k, plaintext, nil)
}

func (s rsaScheme) Decrypt(private []byte, a *keyspec.Alg, ciphertext []byte) ([]byte, error) {
	k, err := s.parse(private)
	if err != nil {
		return nil, err
	}
	if len(ciphertext) != s.bits/8 {
		return nil, ErrCiphertext
	}
	plaintext, err := rsa.DecryptOAEP(oaepHash(a), nil, k, ciphertext, nil)
	if err != nil {
		return nil, ErrCiphertext
	}
	return plaintext, nil
}
