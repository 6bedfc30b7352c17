package blobheader_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trent/internal/blobheader"
)

// blob is one of n bytes with a material id of 0x00, 0x01, …
func blob(n int) []byte {
	b := make([]byte, max(n, blobheader.HeaderSize))
	copy(b, "TR\x01\x00")
	for i := range blobheader.MaterialIDSize {
		b[4+i] = byte(i)
	}
	return b[:n]
}

func TestSizes(t *testing.T) {
	t.Parallel()
	// What docs/formats.md and every user's database column rely on.
	if blobheader.Overhead != 80 || 32+blobheader.Overhead != 112 || blobheader.MaxSize != 4176 || blobheader.HeaderSize != 36 {
		t.Error("the sizes of the format have changed")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, n := range []int{blobheader.MinSize, 112, blobheader.MaxSize} {
		h, err := blobheader.Parse(blob(n))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if h.Suite != blobheader.SuiteAES256GCM || hex.EncodeToString(h.MaterialID[:]) != "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" {
			t.Errorf("got %+v", h)
		}
		if got := h.Append([]byte("x")); !bytes.Equal(got, append([]byte("x"), blob(n)[:36]...)) {
			t.Errorf("Append: got %x", got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 35, 36, 80, blobheader.MaxSize + 1, 6144} {
		if _, err := blobheader.Parse(blob(n)); !errors.Is(err, blobheader.ErrNotBlob) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
	for i := range 4 {
		for bit := range 8 {
			b := blob(112)
			b[i] ^= 1 << bit
			if h, err := blobheader.Parse(b); !errors.Is(err, blobheader.ErrNotBlob) || h != (blobheader.Header{}) {
				t.Errorf("byte %d bit %d: got %+v, %v", i, bit, h, err)
			}
		}
	}
}

func TestMadeByAWS(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"\x01\x02\x02\x00x", "\x01\x02\x03\x00x", "\x01\x01\x03\x00x"} {
		b := append([]byte(prefix), make([]byte, 150)...)
		if _, err := blobheader.Parse(b); err == nil || !blobheader.MadeByAWS(b) {
			t.Errorf("%x is not recognised", prefix)
		}
	}
	for _, b := range [][]byte{nil, {1}, {1, 2, 2}, blob(112), []byte("vault:v1:")} {
		if blobheader.MadeByAWS(b) {
			t.Errorf("%x is taken for AWS's", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(blob(112))
	f.Add(blob(80))
	f.Add([]byte("\x01\x02\x02\x00x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := blobheader.Parse(b)
		if err != nil {
			if !errors.Is(err, blobheader.ErrNotBlob) {
				t.Errorf("got %v", err)
			}
			return
		}
		if len(b) < 81 || len(b) > 4176 || !bytes.Equal(h.Append(nil), b[:36]) || blobheader.MadeByAWS(b) {
			t.Errorf("%x is accepted as %+v", b, h)
		}
	})
}

type pair struct{ Key, Value string }

// slowHash is the definition of docs/formats.md, written the obvious way.
func slowHash(pairs []pair) [32]byte {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.Key, b.Key) })
	u32 := func(n int) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	text := u32(len(pairs))
	for _, p := range pairs {
		text += u32(len(p.Key)) + p.Key + u32(len(p.Value)) + p.Value
	}
	return sha256.Sum256([]byte(text))
}

// Version 1 of the format. These never change. They can be had from a shell:
// printf '\0\0\0\1\0\0\0\1a\0\0\0\2bc' | sha256sum
func TestContextHashVectors(t *testing.T) {
	t.Parallel()
	for want, pairs := range map[string][]pair{
		"df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119": nil,
		"7e257a1d81788ddbd0fe9688eb9b978a9eebcf3c3777e70a9ffb4ae165648ecc": {{"a", "bc"}},
		"879486234f7ba181f0f796a2ae89647dc1129beb4c4d719bb0d04eb975d18f91": {{"ab", "c"}},
		"7522a9d350d439935ad0980ea58b75e1de0e20d02c6ddc97a92f1f18a4575221": {{"department", "Finanzen"}, {"tenant", "42"}, {"ä", "€"}},
	} {
		if got := blobheader.ContextHash(pairs); hex.EncodeToString(got[:]) != want || got != slowHash(pairs) {
			t.Errorf("%v: got %x, want %s", pairs, got, want)
		}
	}
	if blobheader.ContextHash([]pair(nil)) != blobheader.ContextHash([]pair{}) {
		t.Error("no context is not the empty one")
	}
}

// What several emulators confuse.
func TestContextHashDistinguishes(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for _, pairs := range [][]pair{
		{}, {{"", ""}}, {{"a", ""}}, {{"", "a"}}, {{"a", "bc"}}, {{"ab", "c"}}, {{"abc", ""}}, {{"a", "b"}, {"c", ""}}, {{"a", "b"}, {"", "c"}},
		{{"a", "b"}, {"c", "d"}}, {{"a", "d"}, {"c", "b"}}, {{"a", "bcd"}}, {{"A", "bc"}}, {{"a", "bC"}},
		{{"é", "x"}}, {{"e\u0301", "x"}}, // without normalization
		{{"a", "\x00\x00\x00\x01b"}}, {{"a\x00\x00\x00\x01b", ""}},
	} {
		h := blobheader.ContextHash(pairs)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %s have one hash", pairs, other)
		}
		seen[h] = fmt.Sprintf("%q", pairs)
	}
}

func TestContextHashOfAnyOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var pairs []pair
		for i := range random.IntN(12) {
			pairs = append(pairs, pair{fmt.Sprintf("%c%d", 'a'+random.IntN(26), i), strings.Repeat("v", random.IntN(200))})
		}
		want := slowHash(pairs)
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		before := slices.Clone(pairs)
		if got := blobheader.ContextHash(pairs); got != want {
			t.Fatalf("%v: got %x, want %x", pairs, got, want)
		}
		if !slices.Equal(before, pairs) {
			t.Fatal("the caller's pairs were sorted")
		}
	}
}

func TestContextHashAllocatesNothing(t *testing.T) {
	pairs := []pair{{"aws:s3:arn", "arn:aws:s3:::example-bucket/some/object"}, {"department", "finance"}, {"tenant", "42"}}
	if n := testing.AllocsPerRun(100, func() { _ = blobheader.ContextHash(pairs) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzContextHash(f *testing.F) {
	f.Add("a", "bc", "d", "e")
	f.Add("b", "", "a", "\x00")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		pairs := []pair{{k1, v1}, {k2, v2}}
		if k1 == k2 {
			pairs = pairs[:1]
		}
		if got := blobheader.ContextHash(pairs); got != slowHash(pairs) {
			t.Errorf("%q: got %x", pairs, got)
		}
	})
}

func BenchmarkContextHash(b *testing.B) {
	pairs := []pair{{"department", "finance"}, {"tenant", "42"}}
	b.ReportAllocs()
	for b.Loop() {
		_ = blobheader.ContextHash(pairs)
	}
}
