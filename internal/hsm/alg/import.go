package alg

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/asn1"
	"math"
	"math/big"
	"slices"

	gmecdh "github.com/emmansun/gmsm/ecdh"
)

// Importer is implemented by specs of which key material can be imported.
type Importer interface {
	// Import returns the stored form of key material as customers bring it: the
	// key itself for MACs, PKCS #8 DER of the very spec for asymmetric keys. The
	// caller wipes it. The error is ErrKey, whatever is wrong.
	Import(material []byte) (private []byte, err error)
}

// parsePKCS8 returns the octets of a private key with that algorithm. Attributes
// may follow, and in version 2 the public key, which is returned too; nothing may
// stand behind them. RFC 5208, RFC 5958.
func parsePKCS8(a algorithmIdentifier, der []byte) (private, public []byte, err error) {
	var info struct {
		Version    int
		Algorithm  algorithmIdentifier
		PrivateKey []byte
		Attributes []asn1.RawValue `asn1:"optional,set,tag:0"`
		PublicKey  asn1.BitString  `asn1:"optional,tag:1"`
	}
	if err := unmarshal(der, &info); err != nil || info.Version < 0 || info.Version > 1 || !info.Algorithm.Algorithm.Equal(a.Algorithm) ||
		string(info.Algorithm.Parameters.FullBytes) != string(a.Parameters.FullBytes) || info.PublicKey.BitLength%8 != 0 {
		clear(info.PrivateKey)
		return nil, nil, ErrKey
	}
	return info.PrivateKey, info.PublicKey.Bytes, nil
}

// unmarshal parses DER that is v's members and nothing else: encoding/asn1 overlooks
// elements that follow the last one. The error is ErrKey.
func unmarshal[T any](der []byte, v *T) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		return ErrKey
	}
	again, err := asn1.Marshal(*v)
	defer clear(again)
	if err != nil || subtle.ConstantTimeCompare(again, der) != 1 {
		return ErrKey
	}
	return nil
}

// parseEC returns the scalar of a key on that curve, n bytes, and the public point
// that stands beside it, nil if there is none. RFC 5915.
func parseEC(curve asn1.ObjectIdentifier, der []byte, n int) (scalar, point []byte, err error) {
	inner, outer, err := parsePKCS8(ecAlgorithm(curve), der)
	if err != nil {
		return nil, nil, err
	}
	defer clear(inner)
	var k struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	if err := unmarshal(inner, &k); err != nil || k.Version != 1 || len(k.PrivateKey) > n || k.Curve != nil && !k.Curve.Equal(curve) || k.PublicKey.BitLength%8 != 0 ||
		len(outer) > 0 && string(outer) != string(k.PublicKey.Bytes) {
		clear(k.PrivateKey)
		return nil, nil, ErrKey
	}
	scalar = make([]byte, n)
	copy(scalar[n-len(k.PrivateKey):], k.PrivateKey)
	clear(k.PrivateKey)
	return scalar, slices.Clone(k.PublicKey.Bytes), nil // it points into what is wiped
}

// mismatched says whether a public key came with the private one and is another's.
func mismatched(brought, own []byte) bool {
	return len(brought) > 0 && subtle.ConstantTimeCompare(brought, own) != 1
}

// maxMAC is the longest HMAC key that AWS takes, in bytes.
const maxMAC = 128

// Import takes a key at least as long as the hash.
func (s macScheme) Import(material []byte) ([]byte, error) {
	if len(material) < s.bits/8 || len(material) > maxMAC {
		return nil, ErrKey
	}
	return slices.Clone(material), nil
}

// Import checks that the point, if one is brought, is the scalar's.
func (s nistScheme) Import(material []byte) ([]byte, error) {
	scalar, brought, err := parseEC(s.oid, material, (s.curve.Params().BitSize+7)/8)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	k, err := s.ecdh.NewPrivateKey(scalar)
	if err != nil || mismatched(brought, k.PublicKey().Bytes()) {
		return nil, ErrKey
	}
	return slices.Concat(scalar, k.PublicKey().Bytes()), nil
}

// Import checks that the point, if one is brought, is the scalar's.
func (s secp256k1Scheme) Import(material []byte) ([]byte, error) {
	scalar, brought, err := parseEC(oidSecp256k1, material, secp256k1Bytes)
	if err != nil {
		return nil, err
	}
	own, err := s.Public(scalar)
	if err == nil {
		own, err = parseSPKI(ecAlgorithm(oidSecp256k1), own)
	}
	if err != nil || mismatched(brought, own) {
		clear(scalar)
		return nil, ErrKey
	}
	return scalar, nil
}

// Import checks that the point, if one is brought, is the scalar's.
func (s sm2Scheme) Import(material []byte) ([]byte, error) {
	scalar, brought, err := parseEC(oidSM2, material, sm2Bits/8)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	k, err := gmecdh.P256().NewPrivateKey(scalar)
	if err != nil || mismatched(brought, k.PublicKey().Bytes()) {
		return nil, ErrKey
	}
	private := slices.Concat(scalar, k.PublicKey().Bytes())
	if _, _, err := s.check(private); err != nil {
		clear(private)
		return nil, ErrKey
	}
	return private, nil
}

// Import takes the seed, RFC 8410.
func (ed25519Scheme) Import(material []byte) ([]byte, error) {
	inner, brought, err := parsePKCS8(ed25519Algorithm(), material)
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	var seed []byte
	rest, err := asn1.Unmarshal(inner, &seed)
	defer clear(seed)
	if err != nil || len(rest) > 0 || len(seed) != ed25519.SeedSize {
		return nil, ErrKey
	}
	k := ed25519.NewKeyFromSeed(seed)
	if mismatched(brought, k[ed25519.SeedSize:]) {
		clear(k)
		return nil, ErrKey
	}
	return k, nil
}

// Bounds of FIPS 186-5, appendix A.1, for RSA keys.
const (
	minExponent  = 65537
	primesApart  = 100 // bits by which the difference of the primes may be shorter than they
	primeWitness = 20  // rounds of Miller-Rabin
)

// Import takes keys of two primes that a generator of FIPS 186-5 could have made,
// as far as that can be seen: of the right lengths, prime, not close to each
// other, with a public exponent of 65537 or more and a private one of half the
// modulus's length or more. Members that say the same thing twice must agree.
func (s rsaScheme) Import(material []byte) ([]byte, error) {
	inner, brought, err := parsePKCS8(rsaAlgorithm(), material)
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	var p pkcs1Private
	if err := unmarshal(inner, &p); err != nil || p.E < minExponent || p.E > math.MaxInt32 {
		return nil, ErrKey
	}
	if _, err := s.parse(inner); err != nil { // lengths, signs, and that the members agree
		return nil, ErrKey
	}
	apart := new(big.Int).Sub(p.P, p.Q)
	if p.P.BitLen() != s.bits/2 || p.Q.BitLen() != s.bits/2 || apart.BitLen() < s.bits/2-primesApart || p.D.BitLen() <= s.bits/2 ||
		!p.P.ProbablyPrime(primeWitness) || !p.Q.ProbablyPrime(primeWitness) || !s.agrees(&p) {
		return nil, ErrKey
	}
	own, err := asn1.Marshal(pkcs1Public{p.N, p.E})
	if err != nil || mismatched(brought, own) {
		return nil, ErrKey
	}
	return asn1.Marshal(p)
}

// agrees says whether the CRT members are those of the primes.
func (s rsaScheme) agrees(p *pkcs1Private) bool {
	one := big.NewInt(1)
	for _, half := range [...]struct{ prime, exponent *big.Int }{{p.P, p.Dp}, {p.Q, p.Dq}} {
		less := new(big.Int).Sub(half.prime, one)
		if new(big.Int).Mod(p.D, less).Cmp(half.exponent) != 0 {
			return false
		}
	}
	inverse := new(big.Int).Mul(p.Q, p.Qinv)
	return inverse.Mod(inverse, p.P).Cmp(one) == 0 && p.Qinv.Cmp(p.P) < 0
}
