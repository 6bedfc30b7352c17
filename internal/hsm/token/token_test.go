package token

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"trent/internal/hsm/kdf"
)

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frozenHeader is the header of the frozen tokens.
func frozenHeader(kind Kind) Header {
	h := Header{
		Kind: kind, Generation: 7, Origin: OriginImported, Flags: FlagMultiRegion | FlagDev,
		NotBefore: 1700000000, NotAfter: 1900000000,
	}
	h.DomainID[0] = DomainDevelopment
	copy(h.DomainID[1:], sequence(1, 15))
	copy(h.Bind[:], sequence(0xa0, 32))
	if kind == KindKey {
		h.Spec, h.Usage = SpecSymmetricDefault, UsageEncryptDecrypt
		copy(h.MaterialID[:], sequence(0x60, 32))
	}
	return h
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	var b Box
	for kind := KindKey; kind <= KindService; kind++ {
		tok := unhex(t, frozen[kind])
		var h Header
		if err := h.Parse(tok); err != nil {
			t.Fatalf("kind %d: %v", kind, err)
		}
		if want := frozenHeader(kind); h != want {
			t.Errorf("kind %d: header %+v, want %+v", kind, h, want)
		}
		secret, err := b.Open([]byte("before"), tok, sequence(0x20, 32))
		if err != nil || !bytes.Equal(secret, append([]byte("before"), sequence(0, 40)...)) {
			t.Errorf("kind %d: %x, %v", kind, secret, err)
		}
		if got := h.append(nil); !bytes.Equal(got, tok[:HeaderSize]) {
			t.Errorf("kind %d: header encodes to %x", kind, got)
		}
	}
}

func seal(t *testing.T, h *Header, secret []byte) []byte {
	t.Helper()
	var b Box
	nonce := [kdf.NonceSize]byte(sequence(0x40, 16))
	tok, err := b.Seal(nil, h, sequence(0x20, 32), &nonce, secret)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 32, 40, 64, 1200, 3000} {
		h := frozenHeader(KindKey)
		secret := sequence(3, size)
		tok := seal(t, &h, secret)
		if len(tok) != size+Overhead {
			t.Errorf("%d bytes for a secret of %d", len(tok), size)
		}
		if want := append(h.append(nil), sequence(0x40, 16)...); !bytes.Equal(tok[:aadSize], want) {
			t.Errorf("token begins with %x, want %x", tok[:aadSize], want)
		}
		var b Box
		if got, err := b.Open(nil, tok, sequence(0x20, 32)); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("secret of %d bytes: %x, %v", size, got, err)
		}
		if again := seal(t, &h, secret); bytes.Equal(again, tok) {
			t.Error("two tokens are equal: the GCM nonce is not random")
		}
	}
}

// rejected fails the test if an altered token parses and opens.
func rejected(t *testing.T, what string, tok, key []byte) {
	t.Helper()
	var h Header
	var b Box
	if err := h.Parse(tok); err != nil && !errors.Is(err, ErrInvalid) {
		t.Fatalf("%s: %v", what, err)
	}
	out, err := b.Open(nil, tok, key)
	if !errors.Is(err, ErrInvalid) || len(out) != 0 {
		t.Fatalf("%s: accepted (%v)", what, err)
	}
}

func TestAltered(t *testing.T) {
	t.Parallel()
	h := frozenHeader(KindKey)
	tok, key := seal(t, &h, sequence(0, 32)), sequence(0x20, 32)
	for bit := range len(tok) * 8 {
		flipped := bytes.Clone(tok)
		flipped[bit/8] ^= 1 << (bit % 8)
		rejected(t, "flipped bit", flipped, key)
	}
	for n := range tok {
		rejected(t, "truncated", tok[:n], key)
	}
	rejected(t, "extended", append(bytes.Clone(tok), 0), key)
	for bit := range len(key) * 8 {
		other := bytes.Clone(key)
		other[bit/8] ^= 1 << (bit % 8)
		rejected(t, "other key", tok, other)
	}
	// The same body under another kind's label.
	for kind := KindSecret; kind <= KindService; kind++ {
		other := bytes.Clone(tok)
		other[1] = byte(kind)
		rejected(t, "other kind", other, key)
	}
}

func TestMalformedHeader(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Header){
		"kind 0":            func(h *Header) { h.Kind = 0 },
		"kind 8":            func(h *Header) { h.Kind = 8 },
		"domain class 0":    func(h *Header) { h.DomainID[0] = 0 },
		"domain class 3":    func(h *Header) { h.DomainID[0] = 3 },
		"dev id, no flag":   func(h *Header) { h.Flags &^= FlagDev },
		"prod id, dev flag": func(h *Header) { h.DomainID[0] = DomainProduction },
		"unknown flag":      func(h *Header) { h.Flags |= 4 },
		"generation 0":      func(h *Header) { h.Generation = 0 },
		"origin 0":          func(h *Header) { h.Origin = 0 },
		"origin 3":          func(h *Header) { h.Origin = 3 },
		"not before < 0":    func(h *Header) { h.NotBefore = -1 },
		"not after < 0":     func(h *Header) { h.NotAfter = -1 },
	} {
		h := frozenHeader(KindKey)
		change(&h)
		var b Box
		var nonce [kdf.NonceSize]byte
		if out, err := b.Seal(nil, &h, sequence(0, 32), &nonce, []byte("s")); !errors.Is(err, ErrRefused) || len(out) != 0 {
			t.Errorf("%s was sealed: %v", name, err)
		}
		tok := append(h.append(nil), make([]byte, Overhead-HeaderSize)...)
		var got Header
		if err := got.Parse(tok); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s was parsed: %v", name, err)
		}
	}
}

func TestCheckOwner(t *testing.T) {
	t.Parallel()
	h := frozenHeader(KindKey)
	if err := h.CheckOwner(KindKey, &h.Bind); err != nil {
		t.Fatal(err)
	}
	if err := h.CheckOwner(KindSecret, &h.Bind); !errors.Is(err, ErrRefused) {
		t.Errorf("another kind: %v", err)
	}
	for i := range h.Bind {
		bind := h.Bind
		bind[i] ^= 1
		if err := h.CheckOwner(KindKey, &bind); !errors.Is(err, ErrRefused) {
			t.Errorf("another bind: %v", err)
		}
	}
}

func TestCheckUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		spec              Spec
		usage             Usage
		before, after, at int64
		ok                bool
	}{
		{"no validity", 1, 1, 0, 0, 1 << 40, true},
		{"other spec", 2, 1, 0, 0, 5, false},
		{"other usage", 1, 2, 0, 0, 5, false},
		{"no spec", 0, 0, 0, 0, 5, false},
		{"first second", 1, 1, 5, 9, 5, true},
		{"last second", 1, 1, 5, 9, 9, true},
		{"too early", 1, 1, 5, 9, 4, false},
		{"too late", 1, 1, 5, 9, 10, false},
	} {
		h := Header{Spec: 1, Usage: 1, NotBefore: c.before, NotAfter: c.after}
		if err := h.CheckUse(c.spec, c.usage, c.at); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestBind's hashes come from an independent implementation.
func TestBind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind                Kind
		account, region, id string
		want                string
	}{
		{KindKey, "111122223333", "eu-west-1", "1234abcd-12ab-34cd-56ef-1234567890ab", "aa90ea4e22ea05e318a58d151d3b1df841775cf2e65abe74454863b2880e221d"},
		{KindImport, "111122223333", "eu-west-1", "1234abcd-12ab-34cd-56ef-1234567890ab", "000a002bc5ebbdef43b59ea3d347ed6fa867e909a8803d3c1008c39ea65b5f3d"},
		{KindSecret, "111122223333", "global", "AKIAIOSFODNN7EXAMPLE", "fecee725d1f14281c353184ba083a64444932d300ad513e2371179e0d9f97689"},
		{KindService, "", "eu-west-1", "record-mac", "3c8b90cad311e2fe78e9aa9eebc82981f4edcf7b7ce8cde041bf39f651705103"},
	} {
		got, err := c.kind.Bind(nil, c.account, c.region, c.id)
		if err != nil || hex.EncodeToString(got[:]) != c.want {
			t.Errorf("kind %d: %x, %v", c.kind, got, err)
		}
	}
	for _, c := range []struct {
		kind            Kind
		account, region string
	}{
		{KindSecret, "111122223333", "eu-west-1"},
		{KindService, "111122223333", "eu-west-1"},
		{KindSession, "", "eu-west-1"},
		{0, "", "eu-west-1"},
		{7, "", "eu-west-1"},
	} {
		if _, err := c.kind.Bind(nil, c.account, c.region, "id"); !errors.Is(err, ErrRefused) {
			t.Errorf("kind %d in %s: %v", c.kind, c.region, err)
		}
	}
}

// TestBindIsFramed moves a boundary between two parts.
func TestBindIsFramed(t *testing.T) {
	t.Parallel()
	a, errA := KindKey.Bind(nil, "11", "1eu", "id")
	b, errB := KindKey.Bind(nil, "111", "eu", "id")
	if errA != nil || errB != nil || a == b {
		t.Fatalf("%x and %x (%v, %v)", a, b, errA, errB)
	}
}

// FuzzOpen: no input panics; what parses encodes to the same bytes; nothing
// opens but what was sealed.
func FuzzOpen(f *testing.F) {
	for _, h := range frozen {
		tok, err := hex.DecodeString(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tok)
		f.Add(tok[:Overhead])
	}
	f.Add([]byte{})
	key := sequence(0x20, 32)
	f.Fuzz(func(t *testing.T, tok []byte) {
		var h Header
		parsed := h.Parse(tok) == nil
		if parsed && !bytes.Equal(h.append(nil), tok[:HeaderSize]) {
			t.Fatalf("%x parses to %+v", tok, h)
		}
		var b Box
		if _, err := b.Open(nil, tok, key); err == nil && (!parsed || frozen[h.Kind] != hex.EncodeToString(tok)) {
			t.Fatalf("%x opens", tok)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	tok, err := hex.DecodeString(frozen[KindKey])
	if err != nil {
		b.Fatal(err)
	}
	var box Box
	var out [64]byte
	key := sequence(0x20, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(out[:0], tok, key); err != nil {
			b.Fatal(err)
		}
	}
}
