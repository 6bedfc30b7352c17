package alg_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// frozen reads testdata/stored/SPEC: a stored private key and its SPKI, two
// lines of hex. They were made once and never change: keys in use have these
// forms.
func frozen(t testing.TB, spec keyspec.Spec) (private, spki []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "stored", string(spec)))
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(text), "\n")
	private, err1 := hex.DecodeString(first)
	spki, err2 := hex.DecodeString(strings.TrimSpace(second))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return private, spki
}

// TestFrozenStoredForms: the keys of each form still are what they were, and
// work; those made now are as long.
func TestFrozenStoredForms(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, _ []byte) {
		stored, spki := frozen(t, row.Spec)
		if got, err := s.Public(stored); err != nil || !bytes.Equal(got, spki) {
			t.Fatalf("another public key: %v", err)
		}
		// RSA's form is DER, whose integers have their own lengths.
		if row.Family != keyspec.RSA && len(private) != len(stored) {
			t.Errorf("a new key has %d bytes, a frozen one %d", len(private), len(stored))
		}
		works(t, row, s, stored, spki)
	})
}

// works uses a key with the first algorithm of each of its usages.
func works(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte) {
	t.Helper()
	text := []byte("text")
	for _, u := range row.Uses {
		a := &u.Algorithms[0]
		var got []byte
		err := alg.ErrUnsupported
		switch u.Usage {
		case keyspec.SignVerify:
			if got, err = s.(alg.Signer).Sign(private, a, alg.Raw, text); err == nil {
				err = s.(alg.Signer).Verify(spki, a, alg.Raw, text, got)
			}
		case keyspec.EncryptDecrypt:
			if got, err = s.(alg.Cipher).Encrypt(spki, a, text); err == nil {
				got, err = s.(alg.Cipher).Decrypt(private, a, got)
			}
			if !bytes.Equal(got, text) {
				t.Errorf("decrypted to %q", got)
			}
		case keyspec.KeyAgreement:
			_, err = s.(alg.Agreer).Agree(private, spki)
		case keyspec.EncapsulateDecapsulate:
			var secret, ciphertext []byte
			if secret, ciphertext, err = s.(alg.Encapsulator).Encapsulate(spki); err == nil {
				got, err = s.(alg.Encapsulator).Decapsulate(private, ciphertext)
			}
			if !bytes.Equal(got, secret) {
				t.Error("another secret")
			}
		case keyspec.GenerateVerifyMAC:
			if got, err = s.(alg.Authenticator).MAC(private, text); err == nil {
				err = s.(alg.Authenticator).Check(private, text, got)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", u.Usage, err)
		}
	}
}

// uses calls everything that takes a stored key and returns the errors.
func uses(row *keyspec.Row, s alg.Scheme, private, spki []byte) map[string]error {
	errs := map[string]error{}
	_, errs["Public"] = s.Public(private)
	if e, ok := s.(alg.Exporter); ok {
		_, errs["PKCS8"] = e.PKCS8(private)
	}
	for _, u := range row.Uses {
		a := &u.Algorithms[0]
		switch u.Usage {
		case keyspec.SignVerify:
			_, errs["Sign"] = s.(alg.Signer).Sign(private, a, alg.Raw, []byte("text"))
		case keyspec.EncryptDecrypt:
			ciphertext, _ := s.(alg.Cipher).Encrypt(spki, a, []byte("text"))
			_, errs["Decrypt"] = s.(alg.Cipher).Decrypt(private, a, ciphertext)
		case keyspec.KeyAgreement:
			_, errs["Agree"] = s.(alg.Agreer).Agree(private, spki)
		case keyspec.EncapsulateDecapsulate:
			_, ciphertext, _ := s.(alg.Encapsulator).Encapsulate(spki)
			_, errs["Decapsulate"] = s.(alg.Encapsulator).Decapsulate(private, ciphertext)
		case keyspec.GenerateVerifyMAC:
			_, errs["MAC"] = s.(alg.Authenticator).MAC(private, []byte("text"))
		}
	}
	if row.Family == keyspec.MAC {
		delete(errs, "Public") // there is none
	}
	return errs
}

// TestBadStoredKeys: nothing that is no stored key is used.
func TestBadStoredKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte) {
		bad := map[string][]byte{"empty": nil, "cut": private[:len(private)-1], "longer": append(bytes.Clone(private), make([]byte, 128)...)}
		switch row.Family {
		case keyspec.ECDSA, keyspec.SM2:
			n := (row.Parameter + 7) / 8
			bad["zero scalar"] = append(make([]byte, n), private[n:]...)
			bad["huge scalar"] = append(bytes.Repeat([]byte{0xff}, n), private[n:]...)
			bad["compressed point"] = bytes.Clone(private)
			bad["compressed point"][n] = 2
		case keyspec.Secp256k1:
			bad["zero scalar"] = make([]byte, len(private))
			bad["huge scalar"] = bytes.Repeat([]byte{0xff}, len(private))
		case keyspec.RSA:
			flipped := bytes.Clone(private)
			flipped[len(flipped)/2] ^= 1
			bad["a flipped bit"] = flipped
		}
		for name, stored := range bad {
			for use, err := range uses(row, s, stored, spki) {
				if !errors.Is(err, alg.ErrKey) {
					t.Errorf("%s, %s: %v", use, name, err)
				}
			}
		}
	})
}

// TestPointOfAnotherKey: a stored key whose point is another's has no public
// key, and one whose point is on no curve signs nothing.
func TestPointOfAnotherKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, _ []byte) {
		if row.Family != keyspec.ECDSA && row.Family != keyspec.SM2 {
			return
		}
		n := (row.Parameter + 7) / 8
		other, err := s.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		mixed := append(bytes.Clone(private[:n]), other[n:]...)
		if _, err := s.Public(mixed); !errors.Is(err, alg.ErrKey) {
			t.Errorf("Public: %v", err)
		}
		if _, err := s.(alg.Exporter).PKCS8(mixed); !errors.Is(err, alg.ErrKey) {
			t.Errorf("PKCS8: %v", err)
		}
		if row.Family == keyspec.SM2 {
			return // its library does not look at the point where it signs
		}
		mixed[len(mixed)-1] ^= 1
		a := &row.Algorithms(keyspec.SignVerify)[0]
		if _, err := s.(alg.Signer).Sign(mixed, a, alg.Raw, nil); !errors.Is(err, alg.ErrKey) {
			t.Errorf("Sign: %v", err)
		}
	})
}

// TestMLKEMSeedForm: PKCS #8 is that of RFC 9935, C.1.1.1, whose seed counts
// from 0; the other sets differ in their object identifier only.
func TestMLKEMSeedForm(t *testing.T) {
	t.Parallel()
	want, err := base64.StdEncoding.DecodeString("MFQCAQAwCwYJYIZIAWUDBAQBBEKAQAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ" +
		"GhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")
	if err != nil {
		t.Fatal(err)
	}
	seed := want[len(want)-64:]
	set := bytes.Index(want, []byte{4, 4, 1}) + 2 // the identifier's last byte
	for i, spec := range []keyspec.Spec{"ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"} {
		want[set] = byte(i + 1)
		got, err := alg.Of(keyspec.Of(spec)).(alg.Exporter).PKCS8(seed)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, not %x: %v", spec, got, want, err)
		}
	}
}

// TestSM2LastScalar: with the order less one the library signs for ever.
func TestSM2LastScalar(t *testing.T) {
	t.Parallel()
	row := keyspec.Of("SM2")
	params := sm2.P256().Params()
	// (n-1)·G is -G: the generator with its y negated.
	point := append([]byte{4}, params.Gx.FillBytes(make([]byte, 32))...)
	point = append(point, new(big.Int).Sub(params.P, params.Gy).FillBytes(make([]byte, 32))...)
	for less, want := range map[int64]error{1: alg.ErrKey, 2: nil} {
		scalar := new(big.Int).Sub(params.N, big.NewInt(less)).FillBytes(make([]byte, 32))
		_, err := alg.Of(row).(alg.Signer).Sign(append(scalar, point...), &row.Algorithms(keyspec.SignVerify)[0], alg.Raw, []byte("text"))
		if !errors.Is(err, want) {
			t.Errorf("the order less %d: %v", less, err)
		}
	}
}

// TestSM2ShortPlaintexts: a single byte is where SM2's key stream and its
// ciphertext are all zeros often; each ciphertext is decrypted nevertheless.
func TestSM2ShortPlaintexts(t *testing.T) {
	t.Parallel()
	row := keyspec.Of("SM2")
	s := alg.Of(row).(alg.Cipher)
	a := &row.Algorithms(keyspec.EncryptDecrypt)[0]
	k := keyOf(t, row, alg.Of(row))
	for i := range 2000 {
		plaintext := []byte{byte(i)}
		ciphertext, err := s.Encrypt(k.spki, a, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Decrypt(k.private, a, ciphertext); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("ciphertext %d: %x, %v", i, got, err)
		}
	}
}
