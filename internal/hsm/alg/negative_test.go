package alg_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/emmansun/gmsm/sm2"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// publicKeyInfo is SubjectPublicKeyInfo as this test takes it apart.
type publicKeyInfo struct {
	Algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	Key asn1.BitString
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func takeApart(t *testing.T, spki []byte) publicKeyInfo {
	t.Helper()
	var info publicKeyInfo
	if rest, err := asn1.Unmarshal(spki, &info); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	return info
}

// withPublic calls everything that takes a public key and returns the errors.
func withPublic(row *keyspec.Row, s alg.Scheme, private, spki []byte) map[string]error {
	errs := map[string]error{}
	for _, u := range row.Uses {
		a := &u.Algorithms[0]
		switch u.Usage {
		case keyspec.SignVerify:
			errs["Verify"] = s.(alg.Signer).Verify(spki, a, alg.Raw, []byte("text"), []byte("signature"))
		case keyspec.EncryptDecrypt:
			_, errs["Encrypt"] = s.(alg.Cipher).Encrypt(spki, a, []byte("text"))
		case keyspec.KeyAgreement:
			_, errs["Agree"] = s.(alg.Agreer).Agree(private, spki)
		case keyspec.EncapsulateDecapsulate:
			_, _, errs["Encapsulate"] = s.(alg.Encapsulator).Encapsulate(spki)
		}
	}
	return errs
}

// malformed are encodings of a good public key that are not DER, not the
// spec's, or have more than the key.
func malformed(t *testing.T, spki []byte) map[string][]byte {
	t.Helper()
	info := takeApart(t, spki)
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(spki, &outer); err != nil {
		t.Fatal(err)
	}
	edit := func(f func(*publicKeyInfo)) []byte {
		i := takeApart(t, spki)
		f(&i)
		return mustMarshal(t, i)
	}
	sequence := func(content []byte) []byte {
		return mustMarshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	}
	longer := append([]byte{0x30, 0x84, 0, 0, byte(len(outer.Bytes) >> 8), byte(len(outer.Bytes))}, outer.Bytes...)
	return map[string][]byte{
		"length not minimal":        longer,
		"indefinite length":         slices.Concat([]byte{0x30, 0x80}, outer.Bytes, []byte{0, 0}),
		"more in the sequence":      sequence(append(bytes.Clone(outer.Bytes), 5, 0)),
		"more behind it":            append(bytes.Clone(spki), 5, 0),
		"a set":                     append([]byte{0x31}, spki[1:]...),
		"no bits":                   edit(func(i *publicKeyInfo) { i.Key = asn1.BitString{} }),
		"one bit less":              edit(func(i *publicKeyInfo) { i.Key.BitLength-- }),
		"one byte less":             edit(func(i *publicKeyInfo) { i.Key.Bytes = i.Key.Bytes[1:]; i.Key.BitLength -= 8 }),
		"one byte more":             edit(func(i *publicKeyInfo) { i.Key.Bytes = append(i.Key.Bytes, 0); i.Key.BitLength += 8 }),
		"another algorithm":         edit(func(i *publicKeyInfo) { i.Algorithm.OID = asn1.ObjectIdentifier{1, 3, 101, 110} }),
		"other parameters":          edit(func(i *publicKeyInfo) { i.Algorithm.Parameters = asn1.RawValue{FullBytes: []byte{0x0c, 1, 'x'}} }),
		"NULL or no parameters":     edit(func(i *publicKeyInfo) { i.Algorithm.Parameters = flipNull(i.Algorithm.Parameters) }),
		"the bits without the rest": info.Key.Bytes,
	}
}

// flipNull makes NULL of no parameters, and none of others.
func flipNull(p asn1.RawValue) asn1.RawValue {
	if len(p.FullBytes) == 0 {
		return asn1.RawValue{FullBytes: []byte{5, 0}}
	}
	return asn1.RawValue{}
}

// badKeys are well-formed SPKIs whose key is not the spec's.
func badKeys(t *testing.T, row *keyspec.Row, spki []byte) map[string][]byte {
	t.Helper()
	bad := map[string][]byte{}
	put := func(name string, bits []byte) {
		i := takeApart(t, spki)
		i.Key = asn1.BitString{Bytes: bits, BitLength: 8 * len(bits)}
		bad[name] = mustMarshal(t, i)
	}
	bits := takeApart(t, spki).Key.Bytes
	switch row.Family {
	case keyspec.RSA:
		n := new(big.Int).SetBytes(bits[9 : 9+row.Parameter/8])
		for name, k := range map[string]struct{ N, E *big.Int }{
			"exponent 0":          {n, big.NewInt(0)},
			"exponent 1":          {n, big.NewInt(1)},
			"even exponent":       {n, big.NewInt(65536)},
			"negative exponent":   {n, big.NewInt(-65537)},
			"exponent of 32 bits": {n, big.NewInt(1<<32 + 1)},
			"huge exponent":       {n, new(big.Int).Lsh(big.NewInt(1), 200)},
			"negative modulus":    {new(big.Int).Neg(n), big.NewInt(65537)},
			"even modulus":        {new(big.Int).Sub(n, big.NewInt(1)), big.NewInt(65537)},
			"a bit less":          {new(big.Int).Rsh(n, 1), big.NewInt(65537)},
			"a byte more":         {new(big.Int).Lsh(n, 8), big.NewInt(65537)},
			"no modulus":          {new(big.Int), big.NewInt(65537)},
		} {
			put(name, mustMarshal(t, k))
		}
		put("modulus with a leading zero", slices.Concat([]byte{0x30, 0x82}, []byte{bits[2], bits[3] + 1, 2, 0x82, bits[6], bits[7] + 1, 0}, bits[8:]))
	case keyspec.ECDSA, keyspec.Secp256k1, keyspec.SM2:
		n := (row.Parameter + 7) / 8
		off := bytes.Clone(bits)
		off[len(off)-1] ^= 1
		put("off the curve", off)
		put("infinity", []byte{0})
		put("infinity, long", make([]byte, len(bits)))
		put("origin", append([]byte{4}, make([]byte, 2*n)...))
		put("compressed", append([]byte{2 + bits[2*n]&1}, bits[1:1+n]...))
		put("hybrid", append([]byte{6 + bits[2*n]&1}, bits[1:]...))
		put("coordinates beyond the field", append([]byte{4}, bytes.Repeat([]byte{0xff}, 2*n)...))
	case keyspec.Ed25519:
		put("not a point", append([]byte{2}, make([]byte, 31)...))
	case keyspec.MLKEM:
		put("coefficients beyond the modulus", append(bytes.Repeat([]byte{0xff}, 3), bits[3:]...))
	}
	return bad
}

func TestBadPublicKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte) {
		if spki == nil {
			return
		}
		for _, cases := range []map[string][]byte{malformed(t, spki), badKeys(t, row, spki)} {
			for name, bad := range cases {
				for use, err := range withPublic(row, s, private, bad) {
					// crypto/ed25519 decodes the point while it verifies.
					if row.Family == keyspec.Ed25519 && name == "not a point" && errors.Is(err, alg.ErrSignature) {
						continue
					}
					if !errors.Is(err, alg.ErrPublicKey) {
						t.Errorf("%s, %s: %v", use, name, err)
					}
				}
			}
		}
	})
}

// order is that of a curve that signs with two integers; nil of others.
func order(row *keyspec.Row) *big.Int {
	switch row.Family {
	case keyspec.ECDSA:
		return map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[row.Parameter].Params().N
	case keyspec.Secp256k1:
		return secp256k1.Params().N
	case keyspec.SM2:
		return sm2.P256().Params().N
	}
	return nil
}

type ecSignature struct{ R, S *big.Int }

// TestSignatureEncodings: signatures of two integers are DER and in range. Of
// ECDSA the other root is one too, as everywhere but in Bitcoin.
func TestSignatureEncodings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte) {
		n := order(row)
		if n == nil {
			return
		}
		a, text := &row.Algorithms(keyspec.SignVerify)[0], []byte("text")
		signature, err := s.(alg.Signer).Sign(private, a, alg.Raw, text)
		if err != nil {
			t.Fatal(err)
		}
		var good ecSignature
		if _, err := asn1.Unmarshal(signature, &good); err != nil {
			t.Fatal(err)
		}
		pair := func(r, s *big.Int) []byte { return mustMarshal(t, ecSignature{r, s}) }
		high := pair(good.R, new(big.Int).Sub(n, good.S))
		if err := s.(alg.Signer).Verify(spki, a, alg.Raw, text, high); row.Family != keyspec.SM2 && err != nil {
			t.Errorf("n-s: %v", err)
		}
		content := pairContent(t, signature)
		for name, bad := range map[string][]byte{
			"negative r":       pair(new(big.Int).Neg(good.R), good.S),
			"negative s":       pair(good.R, new(big.Int).Neg(good.S)),
			"r = 0":            pair(new(big.Int), good.S),
			"s = 0":            pair(good.R, new(big.Int)),
			"r + n":            pair(new(big.Int).Add(good.R, n), good.S),
			"s + n":            pair(good.R, new(big.Int).Add(good.S, n)),
			"s = n":            pair(good.R, n),
			"swapped":          pair(good.S, good.R),
			"a trailing byte":  append(bytes.Clone(signature), 0),
			"more inside":      mustMarshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(bytes.Clone(content), 5, 0)}),
			"length not DER":   slices.Concat([]byte{0x30, 0x82, 0, byte(len(content))}, content),
			"leading zeros":    paddedR(t, good),
			"two plain halves": slices.Concat(good.R.FillBytes(make([]byte, 66)), good.S.FillBytes(make([]byte, 66))),
		} {
			if err := s.(alg.Signer).Verify(spki, a, alg.Raw, text, bad); !errors.Is(err, alg.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func pairContent(t *testing.T, der []byte) []byte {
	t.Helper()
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	return outer.Bytes
}

// paddedR encodes r with two zeros before it.
func paddedR(t *testing.T, good ecSignature) []byte {
	t.Helper()
	r := append([]byte{0, 0}, good.R.Bytes()...)
	inner := slices.Concat(mustMarshal(t, asn1.RawValue{Tag: asn1.TagInteger, Bytes: r}), mustMarshal(t, good.S))
	return mustMarshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: inner})
}
