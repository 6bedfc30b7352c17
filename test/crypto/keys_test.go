package crypto

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

type publicKeyInfo struct {
	Algorithm asn1.RawValue
	Key       asn1.BitString
}

// wrap makes an SPKI of a key's bits, with the algorithm that the module
// writes for the spec.
func wrap(t *testing.T, s *subject, key []byte) []byte {
	t.Helper()
	info := publicKeyInfo{Algorithm: s.algorithm}
	if info.Algorithm.FullBytes == nil {
		private, err := s.scheme.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := s.scheme.Public(private)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asn1.Unmarshal(spki, &info); err != nil {
			t.Fatal(err)
		}
		s.algorithm = info.Algorithm
	}
	info.Key = asn1.BitString{Bytes: key, BitLength: 8 * len(key)}
	der, err := asn1.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// storedEC makes the stored form of a scalar, which may have leading zeros or
// lack some.
func storedEC(t *testing.T, row *keyspec.Row, scalar []byte) []byte {
	t.Helper()
	curve := map[int]ecdh.Curve{256: ecdh.P256(), 384: ecdh.P384(), 521: ecdh.P521()}[row.Parameter]
	full := make([]byte, (row.Parameter+7)/8)
	trimmed := bytes.TrimLeft(scalar, "\x00")
	copy(full[len(full)-len(trimmed):], trimmed)
	k, err := curve.NewPrivateKey(full)
	if err != nil {
		t.Fatal(err)
	}
	return append(full, k.PublicKey().Bytes()...)
}

func agree(t *testing.T, s *subject, v *vector, peer []byte) {
	secret, err := s.scheme.(alg.Agreer).Agree(storedEC(t, s.row, v.Private), peer)
	if err != nil && !errors.Is(err, alg.ErrPublicKey) {
		t.Errorf("vector %d: not Agree's error: %v", v.TcID, err)
	}
	if err == nil && !bytes.Equal(secret, v.Shared) {
		t.Errorf("vector %d: another secret", v.TcID)
	}
	v.check(t, err == nil, err, v.Result == "valid")
}

// agreements: what is "acceptable" has a compressed point, parameters in place
// of the curve's name, or an encoding that is not DER; it is refused.
func agreements(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			agree(t, s, v, v.Public)
		}
	}
}

// agreementsOfPoints has bare points.
func agreementsOfPoints(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			agree(t, s, v, wrap(t, s, v.Public))
		}
	}
}

// macs: keys as long as the hash, or longer, which are imported ones, and whole tags
// only, as AWS.
func macs(t *testing.T, s *subject, f *vectorFile) {
	a := s.scheme.(alg.Authenticator)
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			err := a.Check(v.Key, v.message(), v.Tag)
			if g.KeySize < s.row.Parameter {
				if !errors.Is(err, alg.ErrKey) {
					t.Errorf("vector %d: a key of %d bits: %v", v.TcID, g.KeySize, err)
				}
				continue
			}
			v.check(t, err == nil, err, v.Result == "valid" && g.TagSize == s.row.Parameter)
			if got, err := a.MAC(v.Key, v.message()); v.Result == "valid" && (err != nil || !bytes.HasPrefix(got, v.Tag)) {
				t.Errorf("vector %d: another MAC: %v", v.TcID, err)
			}
		}
	}
}

// decryptions: AWS's label is empty and MGF1 has OAEP's hash; keys of other
// sizes are none of AWS's.
func decryptions(t *testing.T, s *subject, f *vectorFile) {
	tried := 0
	for _, g := range f.TestGroups {
		name := "RSAES_OAEP_" + strings.ReplaceAll(g.Sha, "-", "_")
		a := s.row.Algorithm(keyspec.EncryptDecrypt, keyspec.Algorithm(name))
		if a == nil || g.KeySize != s.row.Parameter {
			continue
		}
		stored := unwrap(t, g.PrivateKeyPkcs8)
		for _, v := range g.Tests {
			got, err := s.scheme.(alg.Cipher).Decrypt(stored, a, v.Ct)
			if err == nil && !bytes.Equal(got, v.message()) || err != nil && !errors.Is(err, alg.ErrCiphertext) {
				t.Errorf("vector %d: %v", v.TcID, err)
			}
			v.check(t, err == nil, err, v.Result == "valid" && len(v.Label) == 0 && g.Sha == g.MgfSha)
			tried++
		}
	}
	if tried == 0 {
		t.Error("no vector was tried")
	}
}

// threePrimes: such a key is not in the stored form.
func threePrimes(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		if _, err := s.scheme.(alg.Cipher).Decrypt(unwrap(t, g.PrivateKeyPkcs8), s.alg, g.Tests[0].Ct); !errors.Is(err, alg.ErrKey) {
			t.Error(err)
		}
	}
}

// decapsulations: the seed's public key and the shared secret, also that of a
// ciphertext that is implicitly rejected; wrong lengths are refused.
func decapsulations(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			spki, err := s.scheme.Public(v.Seed)
			if err == nil && len(v.Ek) > 0 && !bytes.Equal(spki, wrap(t, s, v.Ek)) {
				t.Errorf("vector %d: another public key", v.TcID)
			}
			secret, err := s.scheme.(alg.Encapsulator).Decapsulate(v.Seed, v.C)
			if err != nil && !errors.Is(err, alg.ErrCiphertext) && !errors.Is(err, alg.ErrKey) {
				t.Errorf("vector %d: %v", v.TcID, err)
			}
			v.check(t, err == nil && bytes.Equal(secret, v.K), err, v.Result == "valid")
		}
	}
}

// publicOfSeeds: the public key of each seed.
func publicOfSeeds(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			spki, err := s.scheme.Public(v.Seed)
			v.check(t, bytes.Equal(spki, wrap(t, s, v.Ek)), err, v.Result == "valid")
		}
	}
}

// encapsulations: what is no public key is refused, and to what is one a
// secret can be sent. Which one is random.
func encapsulations(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			secret, ciphertext, err := s.scheme.(alg.Encapsulator).Encapsulate(wrap(t, s, v.Ek))
			if err != nil && !errors.Is(err, alg.ErrPublicKey) {
				t.Errorf("vector %d: %v", v.TcID, err)
			}
			v.check(t, err == nil, err, v.Result == "valid")
			if err == nil && (len(secret) != len(v.K) || len(ciphertext) != len(v.C)) {
				t.Errorf("vector %d: %d and %d bytes", v.TcID, len(secret), len(ciphertext))
			}
		}
	}
}
