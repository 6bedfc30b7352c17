package alg_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// made is a key of each spec, made once for all tests: RSA's take seconds.
var made sync.Map

type pair struct{ private, spki []byte }

func keyOf(t *testing.T, row *keyspec.Row, s alg.Scheme) pair {
	t.Helper()
	once, _ := made.LoadOrStore(row.Spec, sync.OnceValues(func() (pair, error) {
		private, err := s.Generate(rand.Reader)
		if err != nil {
			return pair{}, err
		}
		spki, err := s.Public(private)
		return pair{private, spki}, err
	}))
	k, err := once.(func() (pair, error))()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// each runs f for every spec that this package implements.
func each(t *testing.T, f func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte)) {
	t.Helper()
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		t.Run(string(row.Spec), func(t *testing.T) {
			t.Parallel()
			s := alg.Of(row)
			if row.Family == keyspec.AES {
				if s != nil {
					t.Error("SYMMETRIC_DEFAULT is the blob's")
				}
				return
			}
			k := keyOf(t, row, s)
			if (k.spki == nil) != (row.Type == keyspec.HMAC) {
				t.Fatalf("a public key of %d bytes", len(k.spki))
			}
			f(t, row, s, k.private, k.spki)
		})
	}
}

// TestInterfaces: a spec has the methods of its usages, and no others.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, _ []byte) {
		has := func(u keyspec.Usage) bool { return len(row.Algorithms(u)) > 0 }
		_, signs := s.(alg.Signer)
		_, encrypts := s.(alg.Cipher)
		_, agrees := s.(alg.Agreer)
		_, encapsulates := s.(alg.Encapsulator)
		_, authenticates := s.(alg.Authenticator)
		_, exports := s.(alg.Exporter)
		for usage, got := range map[keyspec.Usage]bool{
			keyspec.SignVerify: signs, keyspec.EncryptDecrypt: encrypts, keyspec.KeyAgreement: agrees,
			keyspec.EncapsulateDecapsulate: encapsulates, keyspec.GenerateVerifyMAC: authenticates,
		} {
			if got != has(usage) {
				t.Errorf("%s: implemented %v, in the table %v", usage, got, has(usage))
			}
		}
		if exports != row.DataKeyPair {
			t.Errorf("PKCS #8: implemented %v, in the table %v", exports, row.DataKeyPair)
		}
		if exports {
			if der, err := s.(alg.Exporter).PKCS8(private); err != nil || len(der) == 0 {
				t.Errorf("PKCS #8: %v", err)
			}
		}
	})
}

// message for an algorithm and a type; ok is false if it does not take the type.
func message(a *keyspec.Alg, m alg.MessageType) (b []byte, ok bool) {
	switch {
	case m == alg.Raw && !a.RawRefused:
		return []byte("message"), true
	case m == alg.Digest && a.DigestBytes > 0:
		return bytes.Repeat([]byte{7}, a.DigestBytes), true
	case m == alg.ExternalMu && a.MuBytes > 0:
		return bytes.Repeat([]byte{7}, a.MuBytes), true
	}
	return nil, false
}

var messageTypes = []alg.MessageType{alg.Raw, alg.Digest, alg.ExternalMu, 0, 4}

func TestSignatures(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, scheme alg.Scheme, private, spki []byte) {
		algs := row.Algorithms(keyspec.SignVerify)
		for i := range algs {
			a, s := &algs[i], scheme.(alg.Signer)
			for _, m := range messageTypes {
				t.Run(fmt.Sprint(a.Name, m), func(t *testing.T) {
					msg, ok := message(a, m)
					if !ok {
						for _, n := range []int{1, 20, 32, 48, 64} {
							if _, err := s.Sign(private, a, m, make([]byte, n)); !errors.Is(err, alg.ErrInput) {
								t.Errorf("Sign of %d bytes: %v", n, err)
							}
							if err := s.Verify(spki, a, m, make([]byte, n), []byte("x")); !errors.Is(err, alg.ErrInput) {
								t.Errorf("Verify of %d bytes: %v", n, err)
							}
						}
						return
					}
					signature, err := s.Sign(private, a, m, msg)
					if err != nil {
						t.Fatal(err)
					}
					if err := s.Verify(spki, a, m, msg, signature); err != nil {
						t.Errorf("Verify: %v", err)
					}
					flipped := bytes.Clone(signature)
					flipped[len(flipped)/2] ^= 1
					other := bytes.Clone(msg)
					other[0] ^= 1
					for name, refused := range map[string]error{
						"a flipped bit":      s.Verify(spki, a, m, msg, flipped),
						"another message":    s.Verify(spki, a, m, other, signature),
						"a trailing byte":    s.Verify(spki, a, m, msg, append(bytes.Clone(signature), 0)),
						"a truncated one":    s.Verify(spki, a, m, msg, signature[:len(signature)-1]),
						"an empty one":       s.Verify(spki, a, m, msg, nil),
						"the null signature": s.Verify(spki, a, m, msg, make([]byte, len(signature))),
					} {
						if !errors.Is(refused, alg.ErrSignature) {
							t.Errorf("%s: %v", name, refused)
						}
					}
					if m == alg.Digest {
						if _, err := s.Sign(private, a, m, msg[1:]); !errors.Is(err, alg.ErrInput) {
							t.Errorf("a short digest: %v", err)
						}
					}
				})
			}
		}
	})
}

func TestCiphers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, scheme alg.Scheme, private, spki []byte) {
		algs := row.Algorithms(keyspec.EncryptDecrypt)
		for i := range algs {
			a, s := &algs[i], scheme.(alg.Cipher)
			for _, n := range []int{1, a.MaxPlaintextBytes} {
				plaintext := bytes.Repeat([]byte{9}, n)
				ciphertext, err := s.Encrypt(spki, a, plaintext)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := s.Decrypt(private, a, ciphertext); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%s of %d bytes: %v", a.Name, n, err)
				}
				for i := range len(ciphertext) {
					if i > 8 && i < len(ciphertext)-8 && i%37 != 0 {
						continue
					}
					flipped := bytes.Clone(ciphertext)
					flipped[i] ^= 0x10
					if _, err := s.Decrypt(private, a, flipped); !errors.Is(err, alg.ErrCiphertext) {
						t.Errorf("%s: byte %d flipped: %v", a.Name, i, err)
					}
				}
				for _, bad := range [][]byte{nil, {1}, ciphertext[1:], append(bytes.Clone(ciphertext), 0)} {
					if _, err := s.Decrypt(private, a, bad); !errors.Is(err, alg.ErrCiphertext) {
						t.Errorf("%s: %d bytes: %v", a.Name, len(bad), err)
					}
				}
			}
			if _, err := s.Encrypt(spki, a, make([]byte, a.MaxPlaintextBytes+1)); !errors.Is(err, alg.ErrInput) {
				t.Errorf("%s of too much: %v", a.Name, err)
			}
		}
	})
}

func TestAgreementAndEncapsulation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, scheme alg.Scheme, private, spki []byte) {
		if len(row.Algorithms(keyspec.KeyAgreement)) > 0 {
			s := scheme.(alg.Agreer)
			peer, err := scheme.Generate(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			peerSPKI, err := scheme.Public(peer)
			if err != nil {
				t.Fatal(err)
			}
			one, err1 := s.Agree(private, peerSPKI)
			two, err2 := s.Agree(peer, spki)
			if err1 != nil || err2 != nil || !bytes.Equal(one, two) || len(one) != (row.Parameter+7)/8 {
				t.Errorf("%d and %d bytes: %v, %v", len(one), len(two), err1, err2)
			}
		}
		if len(row.Algorithms(keyspec.EncapsulateDecapsulate)) > 0 {
			s := scheme.(alg.Encapsulator)
			secret, ciphertext, err := s.Encapsulate(spki)
			if err != nil || len(secret) != 32 {
				t.Fatal(err)
			}
			if got, err := s.Decapsulate(private, ciphertext); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("Decapsulate: %v", err)
			}
			flipped := bytes.Clone(ciphertext)
			flipped[0] ^= 1
			one, err := s.Decapsulate(private, flipped)
			two, _ := s.Decapsulate(private, flipped)
			if err != nil || bytes.Equal(one, secret) || !bytes.Equal(one, two) || len(one) != 32 {
				t.Errorf("implicit rejection: %v", err)
			}
			for _, bad := range [][]byte{nil, ciphertext[1:], append(bytes.Clone(ciphertext), 0)} {
				if _, err := s.Decapsulate(private, bad); !errors.Is(err, alg.ErrCiphertext) {
					t.Errorf("%d bytes: %v", len(bad), err)
				}
			}
		}
	})
}

func TestMACs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, row *keyspec.Row, scheme alg.Scheme, private, _ []byte) {
		s, ok := scheme.(alg.Authenticator)
		if !ok {
			return
		}
		mac, err := s.MAC(private, []byte("message"))
		if err != nil || len(mac) != row.Parameter/8 || len(private) != len(mac) {
			t.Fatalf("%d bytes: %v", len(mac), err)
		}
		if err := s.Check(private, []byte("message"), mac); err != nil {
			t.Error(err)
		}
		for name, bad := range map[string][]byte{"truncated": mac[:len(mac)-1], "empty": nil, "longer": append(bytes.Clone(mac), 0), "zeros": make([]byte, len(mac))} {
			if err := s.Check(private, []byte("message"), bad); !errors.Is(err, alg.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := s.Check(private, []byte("messagf"), mac); !errors.Is(err, alg.ErrSignature) {
			t.Errorf("another message: %v", err)
		}
	})
}

// TestForeignKeys: a key of one spec is none of another, stored or public, and
// neither is one that is cut, longer or empty.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	var publics = map[keyspec.Spec][]byte{}
	rows := keyspec.All()
	for i := range rows {
		if s := alg.Of(&rows[i]); s != nil && rows[i].Type == keyspec.Asymmetric && rows[i].Family != keyspec.RSA {
			private, err := s.Generate(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if publics[rows[i].Spec], err = s.Public(private); err != nil {
				t.Fatal(err)
			}
		}
	}
	each(t, func(t *testing.T, row *keyspec.Row, s alg.Scheme, private, spki []byte) {
		use := func(public []byte) error {
			for _, u := range row.Uses {
				switch u.Usage {
				case keyspec.SignVerify:
					a := &u.Algorithms[0]
					return s.(alg.Signer).Verify(public, a, alg.Raw, []byte("x"), []byte("x"))
				case keyspec.EncapsulateDecapsulate:
					_, _, err := s.(alg.Encapsulator).Encapsulate(public)
					return err
				case keyspec.EncryptDecrypt:
					_, err := s.(alg.Cipher).Encrypt(public, &u.Algorithms[0], []byte("x"))
					return err
				}
			}
			return alg.ErrPublicKey
		}
		for spec, public := range publics {
			if err := use(public); spec != row.Spec && !errors.Is(err, alg.ErrPublicKey) {
				t.Errorf("the public key of %s: %v", spec, err)
			}
		}
		if spki == nil {
			return
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "cut": spki[:len(spki)-1], "longer": append(bytes.Clone(spki), 0), "bits only": spki[20:],
		} {
			if err := use(bad); !errors.Is(err, alg.ErrPublicKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, bad := range map[string][]byte{"empty": nil, "cut": private[:len(private)-1], "longer": append(bytes.Clone(private), 0)} {
			if _, err := s.Public(bad); !errors.Is(err, alg.ErrKey) {
				t.Errorf("private key %s: %v", name, err)
			}
		}
	})
}
