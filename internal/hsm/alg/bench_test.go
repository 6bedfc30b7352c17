package alg_test

import (
	"crypto/rand"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// BenchmarkPrimitives measures each operation as the module runs it, from the
// stored private key or the SPKI, and Public, which is little more than
// parsing.
func BenchmarkPrimitives(b *testing.B) {
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		scheme := alg.Of(row)
		if scheme == nil {
			continue
		}
		b.Run(string(row.Spec), func(b *testing.B) {
			private, err := scheme.Generate(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			spki, err := scheme.Public(private)
			if err != nil {
				b.Fatal(err)
			}
			if spki != nil {
				measure(b, "Public", func() error { _, err := scheme.Public(private); return err })
			}
			for _, u := range row.Uses {
				switch u.Usage {
				case keyspec.SignVerify:
					benchSigner(b, scheme.(alg.Signer), private, spki, u.Algorithms)
				case keyspec.EncryptDecrypt:
					benchCipher(b, scheme.(alg.Cipher), private, spki, u.Algorithms)
				case keyspec.KeyAgreement:
					measure(b, "Agree", func() error { _, err := scheme.(alg.Agreer).Agree(private, spki); return err })
				case keyspec.EncapsulateDecapsulate:
					benchEncapsulator(b, scheme.(alg.Encapsulator), private, spki)
				case keyspec.GenerateVerifyMAC:
					measure(b, "MAC", func() error { _, err := scheme.(alg.Authenticator).MAC(private, spki); return err })
				}
			}
		})
	}
}

func measure(b *testing.B, name string, f func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchSigner(b *testing.B, s alg.Signer, private, spki []byte, algs []keyspec.Alg) {
	for i := range algs {
		a, m := &algs[i], alg.Raw
		if a.RawRefused {
			m = alg.Digest
		}
		text, _ := message(a, m)
		signature, err := s.Sign(private, a, m, text)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, string(a.Name)+"/Sign", func() error { _, err := s.Sign(private, a, m, text); return err })
		measure(b, string(a.Name)+"/Verify", func() error { return s.Verify(spki, a, m, text, signature) })
	}
}

func benchCipher(b *testing.B, s alg.Cipher, private, spki []byte, algs []keyspec.Alg) {
	for i := range algs {
		a := &algs[i]
		plaintext := make([]byte, 32)
		ciphertext, err := s.Encrypt(spki, a, plaintext)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, string(a.Name)+"/Encrypt", func() error { _, err := s.Encrypt(spki, a, plaintext); return err })
		measure(b, string(a.Name)+"/Decrypt", func() error { _, err := s.Decrypt(private, a, ciphertext); return err })
	}
}

func benchEncapsulator(b *testing.B, s alg.Encapsulator, private, spki []byte) {
	_, ciphertext, err := s.Encapsulate(spki)
	if err != nil {
		b.Fatal(err)
	}
	measure(b, "Encapsulate", func() error { _, _, err := s.Encapsulate(spki); return err })
	measure(b, "Decapsulate", func() error { _, err := s.Decapsulate(private, ciphertext); return err })
}
