package blob

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"trent/internal/hsm/kdf"
)

// frozenBlob was computed by an independent implementation (Python's hashlib
// and hmac, OpenSSL's AES-256-GCM): backing key 00…1f, material id 60…7f, KDF
// nonce 40…4f, GCM nonce f0…fb, context hash a0…bf, plaintext "known answer".
const frozenBlob = "54520100606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f" +
	"404142434445464748494a4b4c4d4e4ff0f1f2f3f4f5f6f7f8f9fafb" +
	"bde05f7449c8b0ff7732e325ad09bb6c0a9fe41a04eba02727d6df8e"

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// The inputs of frozenBlob.
func inputs() (key []byte, id, hash *[32]byte, nonce *[kdf.NonceSize]byte) {
	return sequence(0, 32), (*[32]byte)(sequence(0x60, 32)), (*[32]byte)(sequence(0xa0, 32)), (*[kdf.NonceSize]byte)(sequence(0x40, 16))
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	blob, err := hex.DecodeString(frozenBlob)
	if err != nil {
		t.Fatal(err)
	}
	key, id, hash, _ := inputs()
	var b Box
	out, err := b.Open([]byte("before "), key, id, hash, blob)
	if err != nil || string(out) != "before known answer" {
		t.Fatalf("%q, %v", out, err)
	}
}

func seal(t *testing.T, plaintext []byte) []byte {
	t.Helper()
	key, id, hash, nonce := inputs()
	var b Box
	blob, err := b.Seal([]byte("before"), key, id, hash, nonce, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	if string(blob[:6]) != "before" {
		t.Fatal("Seal does not append")
	}
	return blob[6:]
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	key, id, hash, nonce := inputs()
	for plain, size := range map[int]int{0: 80, 1: 81, 32: 112, 4096: 4176} {
		text := sequence(9, plain)
		blob := seal(t, text)
		if len(blob) != size {
			t.Errorf("blob of %d bytes has %d, want %d", plain, len(blob), size)
		}
		want := append(append([]byte("TR\x01\x00"), id[:]...), nonce[:]...)
		if !bytes.Equal(blob[:saltedSize], want) {
			t.Errorf("blob begins with %x, want %x", blob[:saltedSize], want)
		}
		var b Box
		if out, err := b.Open(nil, key, id, hash, blob); err != nil || !bytes.Equal(out, text) {
			t.Errorf("blob of %d bytes: %v", plain, err)
		}
		if bytes.Equal(seal(t, text), blob) {
			t.Error("two blobs are equal: the GCM nonce is not random")
		}
	}
}

func rejected(t *testing.T, what string, blob, key []byte, id, hash *[32]byte) {
	t.Helper()
	var b Box
	if out, err := b.Open(nil, key, id, hash, blob); !errors.Is(err, ErrInvalid) || len(out) != 0 {
		t.Fatalf("%s: accepted (%v)", what, err)
	}
}

func TestAltered(t *testing.T) {
	t.Parallel()
	key, id, hash, _ := inputs()
	blob := seal(t, sequence(0, 32))
	for bit := range len(blob) * 8 {
		flipped := bytes.Clone(blob)
		flipped[bit/8] ^= 1 << (bit % 8)
		rejected(t, "flipped bit", flipped, key, id, hash)
	}
	for n := range blob {
		rejected(t, "truncated", blob[:n], key, id, hash)
	}
	rejected(t, "extended", append(bytes.Clone(blob), 0), key, id, hash)
	for bit := range 256 {
		otherKey, otherID, otherHash := bytes.Clone(key), *id, *hash
		otherKey[bit/8] ^= 1 << (bit % 8)
		otherID[bit/8] ^= 1 << (bit % 8)
		otherHash[bit/8] ^= 1 << (bit % 8)
		rejected(t, "other key", blob, otherKey, id, hash)
		rejected(t, "other material id", blob, key, &otherID, hash)
		rejected(t, "other context", blob, key, id, &otherHash)
	}
	// AWS's own blobs begin so.
	rejected(t, "blob of AWS", append([]byte{1, 2, 2, 0}, blob[4:]...), key, id, hash)
}

// TestOtherMaterialIsWiped: the key is right and the tag too, but the blob
// names another material; nothing of the plaintext may stay behind dst.
func TestOtherMaterialIsWiped(t *testing.T) {
	t.Parallel()
	key, _, hash, _ := inputs()
	blob := seal(t, []byte("plaintext"))
	var b Box
	var out [64]byte
	if _, err := b.Open(out[:0], key, &[32]byte{}, hash, blob); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	if out != [64]byte{} {
		t.Fatalf("%x stays", out)
	}
}

// FuzzOpen: no input panics, and nothing opens but what was sealed.
func FuzzOpen(f *testing.F) {
	frozen, err := hex.DecodeString(frozenBlob)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frozen)
	f.Add(frozen[:Overhead])
	f.Add([]byte{})
	key, id, hash, _ := inputs()
	f.Fuzz(func(t *testing.T, blob []byte) {
		var b Box
		if _, err := b.Open(nil, key, id, hash, blob); err == nil && !bytes.Equal(blob, frozen) {
			t.Fatalf("%x opens", blob)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	blob, err := hex.DecodeString(frozenBlob)
	if err != nil {
		b.Fatal(err)
	}
	key, id, hash, _ := inputs()
	var box Box
	var out [64]byte
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(out[:0], key, id, hash, blob); err != nil {
			b.Fatal(err)
		}
	}
}
