package crypto

import (
	"bytes"
	"crypto/sha512"
	"testing"

	"github.com/cloudflare/circl/kem"
	kems "github.com/cloudflare/circl/kem/schemes"
	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/ed25519"
	signs "github.com/cloudflare/circl/sign/schemes"
	"github.com/cloudflare/circl/xof"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// TestCIRCLEd25519ph: cloudflare/circl verifies ours and we its. AWS's message
// is a digest, which Ed25519ph hashes once more.
func TestCIRCLEd25519ph(t *testing.T) {
	t.Parallel()
	k := newKey(t, "ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512")
	private := ed25519.NewKeyFromSeed(k.private[:ed25519.SeedSize])
	public := private.Public().(ed25519.PublicKey)
	if !bytes.HasSuffix(k.spki, public) {
		t.Fatal("circl has another public key")
	}
	for _, text := range texts(t, 4096) {
		sum := sha512.Sum512(text)
		if !ed25519.VerifyPh(public, sum[:], k.sign(t, alg.Digest, sum[:]), "") {
			t.Error("circl refuses our signature")
		}
		signature := ed25519.SignPh(private, sum[:], "")
		if err := k.signer().Verify(k.spki, k.alg, alg.Digest, sum[:], signature); err != nil {
			t.Errorf("circl's signature: %v", err)
		}
		k.refuses(t, alg.Digest, sum[:], signature)
	}
}

// TestCIRCLMLDSA: the same seed has the same public key; circl verifies what we
// sign, of a message and of a mu that circl's SHAKE256 computed, and we what it
// signs.
func TestCIRCLMLDSA(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"44", "65", "87"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, keyspec.Spec("ML_DSA_"+name), "ML_DSA_SHAKE_256")
			scheme := signs.ByName("ML-DSA-" + name)
			public, private := scheme.DeriveKey(k.private)
			bits, err := public.MarshalBinary()
			if err != nil || !bytes.Equal(wrap(t, k.subject, bits), k.spki) {
				t.Fatalf("circl has another public key: %v", err)
			}
			for _, text := range texts(t, 4096) {
				for m, message := range map[alg.MessageType][]byte{alg.Raw: text, alg.ExternalMu: mu(bits, text)} {
					if !scheme.Verify(public, text, k.sign(t, m, message), &sign.SignatureOpts{}) {
						t.Errorf("circl refuses our signature of message type %d", m)
					}
				}
				signature := scheme.Sign(private, text, &sign.SignatureOpts{})
				for m, message := range map[alg.MessageType][]byte{alg.Raw: text, alg.ExternalMu: mu(bits, text)} {
					if err := k.signer().Verify(k.spki, k.alg, m, message, signature); err != nil {
						t.Errorf("circl's signature, message type %d: %v", m, err)
					}
					k.refuses(t, m, message, signature)
				}
			}
		})
	}
}

// mu is FIPS 204's, of a message without a context.
func mu(public, message []byte) []byte {
	shake := func(n int, parts ...[]byte) []byte {
		h := xof.SHAKE256.New()
		for _, p := range parts {
			h.Write(p)
		}
		sum := make([]byte, n)
		h.Read(sum)
		return sum
	}
	return shake(64, shake(64, public), []byte{0, 0}, message)
}

// TestCIRCLMLKEM: the same seed has the same public key, and each side opens
// what the other sends, or rejects it with the same secret. ML-KEM-512 is
// circl's here and compared with noble.
func TestCIRCLMLKEM(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"768", "1024"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, keyspec.Spec("ML_KEM_"+name), "ML_KEM")
			scheme := kems.ByName("ML-KEM-" + name)
			public, private := scheme.DeriveKeyPair(k.private)
			bits, err := public.MarshalBinary()
			if err != nil || !bytes.Equal(wrap(t, k.subject, bits), k.spki) {
				t.Fatalf("circl has another public key: %v", err)
			}
			theirs, theirSecret, err := scheme.Encapsulate(public)
			if err != nil {
				t.Fatal(err)
			}
			open := func(ciphertext []byte) []byte { return circlOpens(t, scheme, private, ciphertext) }
			exchange(t, k, theirs, theirSecret, open)
		})
	}
}

func circlOpens(t *testing.T, scheme kem.Scheme, private kem.PrivateKey, ciphertext []byte) []byte {
	t.Helper()
	secret, err := scheme.Decapsulate(private, ciphertext)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// exchange sends secrets both ways: theirs is a ciphertext of the other side's
// for k, with its secret; open decapsulates on the other side.
func exchange(t *testing.T, k *key, theirs, theirSecret []byte, open func([]byte) []byte) {
	t.Helper()
	e := k.scheme.(alg.Encapsulator)
	if secret, err := e.Decapsulate(k.private, theirs); err != nil || !bytes.Equal(secret, theirSecret) {
		t.Errorf("their ciphertext: %v", err)
	}
	secret, ours, err := e.Encapsulate(k.spki)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(open(ours), secret) {
		t.Error("they open our ciphertext to another secret")
	}
	ours[7] ^= 1
	rejected, err := e.Decapsulate(k.private, ours)
	if err != nil || bytes.Equal(rejected, secret) || !bytes.Equal(open(ours), rejected) {
		t.Errorf("implicit rejection differs: %v", err)
	}
}
