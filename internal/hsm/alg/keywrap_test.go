package alg_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"trent/internal/hsm/alg"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kwpVectors are the examples of RFC 5649, section 6.
var kwpVectors = []struct{ key, material, wrapped string }{
	{"5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "c37b7e6492584340bed12207808941155068f738",
		"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
	{"5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
}

func TestKWP(t *testing.T) {
	t.Parallel()
	for _, v := range kwpVectors {
		key, wrapped := unhex(t, v.key), unhex(t, v.wrapped)
		want := unhex(t, v.material)
		if got, err := alg.UnwrapKWP(key, wrapped); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", v.wrapped, got, err)
		}
		for i := range wrapped {
			for bit := range 8 {
				bad := bytes.Clone(wrapped)
				bad[i] ^= 1 << bit
				if got, err := alg.UnwrapKWP(key, bad); !errors.Is(err, alg.ErrCiphertext) || got != nil {
					t.Fatalf("%s, bit %d of byte %d changed: %x, %v", v.wrapped, bit, i, got, err)
				}
			}
		}
		for n := range len(wrapped) {
			if _, err := alg.UnwrapKWP(key, wrapped[:n]); !errors.Is(err, alg.ErrCiphertext) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
}

func FuzzUnwrapKWP(f *testing.F) {
	for _, v := range kwpVectors {
		f.Add(unhex(f, v.wrapped))
	}
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		out, err := alg.UnwrapKWP(make([]byte, 32), wrapped)
		if (err == nil) != (out != nil) || len(out) > len(wrapped) {
			t.Errorf("%d bytes of %d, %v", len(out), len(wrapped), err)
		}
	})
}
