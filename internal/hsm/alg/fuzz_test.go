package alg_test

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// subject is a spec with its frozen key.
type subject struct {
	row           *keyspec.Row
	scheme        alg.Scheme
	private, spki []byte
}

// subjects are specs with a public key, in the table's order: a fuzz input
// picks one by number. Longer ones of RSA and the NIST curves run the same code
// and are left out: fuzzing makes arithmetic a hundred times slower.
func subjects(t testing.TB) []subject {
	t.Helper()
	var list []subject
	rows := keyspec.All()
	for i := range rows {
		same := (rows[i].Family == keyspec.RSA || rows[i].Family == keyspec.ECDSA) && list != nil && list[len(list)-1].row.Family == rows[i].Family
		if rows[i].Type == keyspec.Asymmetric && !same {
			private, spki := frozen(t, rows[i].Spec)
			list = append(list, subject{&rows[i], alg.Of(&rows[i]), private, spki})
		}
	}
	return list
}

// signing returns the spec's signer and algorithms; nil if it does not sign.
func (s *subject) signing() (alg.Signer, []keyspec.Alg) {
	signer, _ := s.scheme.(alg.Signer)
	return signer, s.row.Algorithms(keyspec.SignVerify)
}

// FuzzPublicKey: a public key is taken or ErrPublicKey, by every operation the
// same; one that is taken is DER, of the frozen one's algorithm and length, so
// that there is one encoding of each key.
func FuzzPublicKey(f *testing.F) {
	all := subjects(f)
	for i, s := range all {
		f.Add(uint8(i), s.spki)
		f.Add(uint8(i+1), s.spki)
	}
	f.Fuzz(func(t *testing.T, which uint8, spki []byte) {
		s := all[int(which)%len(all)]
		taken := 0
		errs := withPublic(s.row, s.scheme, s.private, spki)
		for use, err := range errs {
			switch {
			case err == nil || errors.Is(err, alg.ErrSignature):
				taken++
			case !errors.Is(err, alg.ErrPublicKey):
				t.Fatalf("%s: %v", use, err)
			}
		}
		if taken == 0 {
			return
		}
		if taken != len(errs) {
			t.Fatalf("taken by some: %v", errs)
		}
		got, want := takeApart(t, spki), takeApart(t, s.spki)
		if !bytes.Equal(mustMarshal(t, got), spki) {
			t.Fatal("another encoding of the same key")
		}
		if !bytes.Equal(mustMarshal(t, got.Algorithm), mustMarshal(t, want.Algorithm)) {
			t.Fatal("another algorithm")
		}
		if s.row.Family != keyspec.RSA && len(got.Key.Bytes) != len(want.Key.Bytes) {
			t.Fatal("another length")
		}
	})
}

// FuzzStoredKey: a stored key is used or ErrKey; one that has a public key has
// the same again in its PKCS #8, and works with it.
func FuzzStoredKey(f *testing.F) {
	all := subjects(f)
	for i, s := range all {
		f.Add(uint8(i), s.private)
		f.Add(uint8(i+1), s.private)
	}
	f.Fuzz(func(t *testing.T, which uint8, private []byte) {
		s := all[int(which)%len(all)]
		spki, err := s.scheme.Public(private)
		if err == nil {
			works(t, s.row, s.scheme, private, spki)
			return
		}
		if !errors.Is(err, alg.ErrKey) {
			t.Fatal(err)
		}
		for use, err := range uses(s.row, s.scheme, private, s.spki) {
			// Use does not look whether the public part is the private one's.
			if err != nil && !errors.Is(err, alg.ErrKey) && !errors.Is(err, alg.ErrCiphertext) {
				t.Fatalf("%s: %v", use, err)
			}
		}
	})
}

// FuzzSignature: it is valid or ErrSignature, and a valid one of two integers
// is DER. That of another message is never valid.
func FuzzSignature(f *testing.F) {
	all := subjects(f)
	text := []byte("text")
	for i, s := range all {
		signer, algs := s.signing()
		for n := range algs {
			m := alg.Raw
			if algs[n].RawRefused {
				m = alg.Digest
			}
			if signature, err := signer.Sign(s.private, &algs[n], m, padded(text, &algs[n], m)); err == nil {
				f.Add(uint8(i), uint8(n), signature)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, number uint8, signature []byte) {
		s := all[int(which)%len(all)]
		signer, algs := s.signing()
		if signer == nil {
			return
		}
		a, m := &algs[int(number)%len(algs)], alg.Raw
		if a.RawRefused {
			m = alg.Digest
		}
		err := signer.Verify(s.spki, a, m, padded(text, a, m), signature)
		if err != nil && !errors.Is(err, alg.ErrSignature) {
			t.Fatal(err)
		}
		if other := signer.Verify(s.spki, a, m, padded([]byte("texT"), a, m), signature); !errors.Is(other, alg.ErrSignature) {
			t.Fatalf("another message: %v", other)
		}
		if err == nil && order(s.row) != nil {
			var pair struct{ R, S *big.Int }
			if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 || !bytes.Equal(mustMarshal(t, pair), signature) {
				t.Fatalf("a valid signature is not DER: %v", err)
			}
		}
	})
}

// padded is a text as a message of that type.
func padded(text []byte, a *keyspec.Alg, m alg.MessageType) []byte {
	if m == alg.Raw {
		return text
	}
	return append(bytes.Clone(text), make([]byte, a.DigestBytes-len(text))...)
}

// FuzzCiphertext: it opens or is ErrCiphertext, which for ML-KEM is a matter of
// its length alone.
func FuzzCiphertext(f *testing.F) {
	all := subjects(f)
	lengths := map[keyspec.Spec]int{}
	for i, s := range all {
		if e, ok := s.scheme.(alg.Encapsulator); ok {
			_, ciphertext, err := e.Encapsulate(s.spki)
			if err != nil {
				f.Fatal(err)
			}
			lengths[s.row.Spec] = len(ciphertext)
			f.Add(uint8(i), uint8(0), ciphertext)
		}
		algs := fuzzedCiphers(s.row)
		for n := range algs {
			ciphertext, err := s.scheme.(alg.Cipher).Encrypt(s.spki, &algs[n], []byte("text"))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), uint8(n), ciphertext)
		}
	}
	f.Fuzz(func(t *testing.T, which, number uint8, ciphertext []byte) {
		s := all[int(which)%len(all)]
		if e, ok := s.scheme.(alg.Encapsulator); ok {
			secret, err := e.Decapsulate(s.private, ciphertext)
			if fits := len(ciphertext) == lengths[s.row.Spec]; fits != (err == nil) || fits != (len(secret) == 32) || !fits && !errors.Is(err, alg.ErrCiphertext) {
				t.Fatalf("%d bytes: %v", len(ciphertext), err)
			}
		}
		if algs := fuzzedCiphers(s.row); len(algs) > 0 {
			a := &algs[int(number)%len(algs)]
			plaintext, err := s.scheme.(alg.Cipher).Decrypt(s.private, a, ciphertext)
			if (err == nil) != (len(plaintext) > 0) || err != nil && !errors.Is(err, alg.ErrCiphertext) {
				t.Fatalf("%d bytes: %v", len(plaintext), err)
			}
		}
	})
}

// fuzzedCiphers leaves out RSA, of whose ciphertexts nothing is parsed.
func fuzzedCiphers(row *keyspec.Row) []keyspec.Alg {
	if row.Family == keyspec.RSA {
		return nil
	}
	return row.Algorithms(keyspec.EncryptDecrypt)
}
