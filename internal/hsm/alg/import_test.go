package alg_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// The structures of RFC 5958, RFC 5915 and RFC 8017, to be filled with anything.
type (
	oneKey struct {
		Version    int
		Algorithm  identifier
		PrivateKey []byte
		Attributes []asn1.RawValue `asn1:"optional,set,tag:0,omitempty"`
		PublicKey  asn1.BitString  `asn1:"optional,tag:1"`
	}
	identifier struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	ecKey struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	rsaKey struct {
		Version               int
		N                     *big.Int
		E                     int
		D, P, Q, Dp, Dq, Qinv *big.Int
		Others                []otherPrime `asn1:"optional,omitempty"`
	}
	otherPrime struct{ Prime, Exponent, Coefficient *big.Int }
)

func bits(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

func der(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if rest, err := asn1.Unmarshal(b, &v); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	return v
}

// importable is a spec with a key as its owner brings it.
type importable struct {
	subject
	scheme alg.Importer
	pkcs8  []byte
}

// importables are the asymmetric specs of which material can be imported, one of
// a family.
func importables(t testing.TB) (list []importable) {
	t.Helper()
	for _, s := range subjects(t) {
		if scheme, ok := s.scheme.(alg.Importer); ok {
			pkcs8, err := s.scheme.(alg.Exporter).PKCS8(s.private)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, importable{s, scheme, pkcs8})
		}
	}
	if len(list) != 5 {
		t.Fatalf("%d families", len(list))
	}
	return list
}

func (s *importable) refuses(t *testing.T, what string, material []byte) {
	t.Helper()
	if private, err := s.scheme.Import(material); !errors.Is(err, alg.ErrKey) || private != nil {
		t.Errorf("%s, %s: %d bytes, %v", s.row.Spec, what, len(private), err)
	}
}

// takes fails the test unless what is imported is the very key.
func (s *importable) takes(t *testing.T, what string, material []byte) {
	t.Helper()
	private, err := s.scheme.Import(material)
	if err != nil {
		t.Errorf("%s, %s: %v", s.row.Spec, what, err)
		return
	}
	if spki, err := s.subject.scheme.Public(private); err != nil || !bytes.Equal(spki, s.spki) {
		t.Errorf("%s, %s: another public key, %v", s.row.Spec, what, err)
	}
}

// TestImportOfEnvelopes: what stands around a private key decides, in every family.
func TestImportOfEnvelopes(t *testing.T) {
	t.Parallel()
	all := importables(t)
	for i := range all {
		s := &all[i]
		k := parsed[oneKey](t, s.pkcs8)
		with := func(change func(*oneKey)) []byte {
			other := k
			change(&other)
			return der(t, other)
		}
		s.takes(t, "as exported", s.pkcs8)
		attribute := asn1.RawValue{FullBytes: der(t, struct {
			ID     asn1.ObjectIdentifier
			Values []int `asn1:"set"`
		}{asn1.ObjectIdentifier{1, 2, 3}, []int{1}})}
		s.takes(t, "with an attribute", with(func(k *oneKey) { k.Attributes = []asn1.RawValue{attribute} }))
		s.refuses(t, "a byte behind it", append(bytes.Clone(s.pkcs8), 0))
		s.refuses(t, "a byte behind the key in it", with(func(k *oneKey) { k.PrivateKey = append(bytes.Clone(k.PrivateKey), 0) }))
		s.refuses(t, "an element more", der(t, struct {
			Version    int
			Algorithm  identifier
			PrivateKey []byte
			More       int
		}{0, k.Algorithm, k.PrivateKey, 1}))
		s.refuses(t, "nothing", nil)
		s.refuses(t, "an empty key", with(func(k *oneKey) { k.PrivateKey = []byte{} }))
		s.refuses(t, "version 2", with(func(k *oneKey) { k.Version = 2 }))
		s.refuses(t, "version -1", with(func(k *oneKey) { k.Version = -1 }))
		s.refuses(t, "another algorithm", with(func(k *oneKey) { k.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 3} }))
		s.refuses(t, "an explicit curve", with(func(k *oneKey) { k.Algorithm.Parameters = asn1.RawValue{FullBytes: der(t, []int{1})} }))
		s.refuses(t, "other parameters", with(func(k *oneKey) { k.Algorithm.Parameters = asn1.RawValue{FullBytes: der(t, 1)} }))
		s.refuses(t, "another public key", with(func(k *oneKey) { k.Version, k.PublicKey = 1, bits(bytes.Repeat([]byte{4}, 65)) }))
		for n := range s.pkcs8 {
			s.refuses(t, "cut off", s.pkcs8[:n])
		}
		for j := range all {
			if j != i {
				s.refuses(t, "a key of "+string(all[j].row.Spec), all[j].pkcs8)
			}
		}
		for at := range s.pkcs8 { // whatever is taken is some key of the spec
			changed := bytes.Clone(s.pkcs8)
			changed[at] ^= 1
			s.sound(t, changed)
		}
	}
}

// sound fails the test if a key is taken that does not come out again.
func (s *importable) sound(t *testing.T, material []byte) {
	t.Helper()
	private, err := s.scheme.Import(material)
	if err != nil {
		return
	}
	spki, err := s.subject.scheme.Public(private)
	if err != nil {
		t.Fatalf("%s: what was imported is none: %v", s.row.Spec, err)
	}
	out, err := s.subject.scheme.(alg.Exporter).PKCS8(private)
	if err != nil {
		t.Fatalf("%s: what was imported cannot be exported: %v", s.row.Spec, err)
	}
	again, err := s.scheme.Import(out)
	if err != nil || !bytes.Equal(again, private) {
		t.Fatalf("%s: imported, exported and imported again: %v", s.row.Spec, err)
	}
	if other, err := s.subject.scheme.Public(again); err != nil || !bytes.Equal(other, spki) {
		t.Fatalf("%s: another public key: %v", s.row.Spec, err)
	}
}

// orders are those of the curves.
var orders = map[keyspec.Spec]string{
	"ECC_NIST_P256":   "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
	"ECC_SECG_P256K1": "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
	"SM2":             "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
}

// TestImportOfScalars: from 1 to the order less 1, for SM2 less 2, and no point but
// the scalar's.
func TestImportOfScalars(t *testing.T) {
	t.Parallel()
	all := importables(t)
	tried := 0
	for i := range all {
		s := &all[i]
		text, ok := orders[s.row.Spec]
		if !ok {
			continue
		}
		tried++
		outer := parsed[oneKey](t, s.pkcs8)
		inner := parsed[ecKey](t, outer.PrivateKey)
		with := func(change func(*ecKey)) []byte {
			k, o := inner, outer
			change(&k)
			o.PrivateKey = der(t, k)
			return der(t, o)
		}
		n, _ := new(big.Int).SetString(text, 16)
		scalar := func(less int64) []byte {
			return with(func(k *ecKey) {
				k.PrivateKey, k.PublicKey = new(big.Int).Sub(n, big.NewInt(less)).FillBytes(make([]byte, 32)), asn1.BitString{}
			})
		}
		s.takes(t, "without its point", with(func(k *ecKey) { k.PublicKey = asn1.BitString{} }))
		if _, err := s.scheme.Import(scalar(2)); err != nil {
			t.Errorf("%s, the order less 2: %v", s.row.Spec, err)
		}
		if _, err := s.scheme.Import(scalar(1)); (err == nil) != (s.row.Spec != "SM2") {
			t.Errorf("%s, the order less 1: %v", s.row.Spec, err)
		}
		s.refuses(t, "the order", scalar(0))
		s.refuses(t, "more than the order", scalar(-1))
		s.refuses(t, "0", with(func(k *ecKey) { k.PrivateKey, k.PublicKey = make([]byte, 32), asn1.BitString{} }))
		s.refuses(t, "a scalar that is too long", with(func(k *ecKey) { k.PrivateKey = append([]byte{0}, k.PrivateKey...) }))
		s.refuses(t, "no scalar", with(func(k *ecKey) { k.PrivateKey = []byte{} }))
		s.refuses(t, "version 2", with(func(k *ecKey) { k.Version = 2 }))
		s.refuses(t, "another curve inside", with(func(k *ecKey) { k.Curve = asn1.ObjectIdentifier{1, 3, 132, 0, 34} }))
		mirrored := bytes.Clone(inner.PublicKey.Bytes)
		mirrored[len(mirrored)-1] ^= 1
		s.refuses(t, "another point", with(func(k *ecKey) { k.PublicKey = bits(mirrored) }))
		s.refuses(t, "the point at infinity", with(func(k *ecKey) { k.PublicKey = bits([]byte{0}) }))
		s.refuses(t, "the point and a byte", with(func(k *ecKey) { k.PublicKey = bits(append(bytes.Clone(inner.PublicKey.Bytes), 0)) }))
		other, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s.refuses(t, "another key's point", with(func(k *ecKey) { k.PublicKey = bits(other.PublicKey().Bytes()) }))
	}
	if tried != len(orders) {
		t.Errorf("%d curves", tried)
	}
}

// TestImportOfSeeds: an Ed25519 seed has 32 bytes, and its public key is its own.
func TestImportOfSeeds(t *testing.T) {
	t.Parallel()
	all := importables(t)
	s := &all[slices.IndexFunc(all, func(s importable) bool { return s.row.Family == keyspec.Ed25519 })]
	k := parsed[oneKey](t, s.pkcs8)
	with := func(seed []byte, public []byte) []byte {
		other := k
		other.PrivateKey = der(t, seed)
		if public != nil {
			other.Version, other.PublicKey = 1, bits(public)
		}
		return der(t, other)
	}
	seed := parsed[[]byte](t, k.PrivateKey)
	own := s.spki[len(s.spki)-32:]
	s.takes(t, "with its public key", with(seed, own))
	s.refuses(t, "31 bytes", with(seed[1:], nil))
	s.refuses(t, "33 bytes", with(append(bytes.Clone(seed), 0), nil))
	s.refuses(t, "another public key", with(seed, bytes.Repeat([]byte{1}, 32)))
	s.refuses(t, "a part of its public key", with(seed, own[:31]))
}

// TestImportOfMACKeys: from the hash's length on, 128 bytes at most.
func TestImportOfMACKeys(t *testing.T) {
	t.Parallel()
	for _, row := range keyspec.All() {
		if row.Type != keyspec.HMAC {
			continue
		}
		for n := range 200 {
			got, err := alg.Of(&row).(alg.Importer).Import(make([]byte, n))
			if ok := n >= row.Parameter/8 && n <= 128; ok != (err == nil) || ok && len(got) != n {
				t.Errorf("%s of %d bytes: %v", row.Spec, n, err)
			}
		}
	}
}

// FuzzImport: no material makes Import panic, and what it takes comes out again as
// the same key.
func FuzzImport(f *testing.F) {
	all := importables(f)
	for i := range all {
		f.Add(uint8(i), all[i].pkcs8)
	}
	f.Fuzz(func(t *testing.T, which uint8, material []byte) {
		all[int(which)%len(all)].sound(t, material)
	})
}
