package domain

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/unseal"
)

// frozenToken was computed by an independent implementation (CBOR encoded by
// hand, Python's hashlib and hmac, OpenSSL's AES-256-GCM): key file 00…1f,
// name eu-west-1, id 01 01…0f, epoch 2, previous hash c0…df, generation 1
// (deactivated) with the key 60…7f, generation 2 (active) with 80…9f.
const frozenToken = "54440001000000c5ae016965752d776573742d310250010102030405060708090a0b0c0d0e0f0302045820c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf0580068007800882a30101021a6553f1000302a30102021a6555428003010981a3016466696c650250404142434445464748494a4b4c4d4e4f03583cf0f1f2f3f4f5f6f7f8f9fafbb28b28462b4182e8e6688f7ce644fd94549eb58f348cf2de0698936492ea532c0e7d60893dfbdbccaa3fcdef90777bfb0a800b800c800d800e8000000063f0f1f2f3f4f5f6f7f8f9fafb4d499be81b3c7f90c2f6270dd6a29c1e661cce8afa8991802f1cbfacb60b5404a5a78c03d78392df51c39c7a3ba6c1428f6e2f61976332a708b6fa22ea6a02ddc88bff1c2ffe3fd818bdbce587d95aff8bb8c7a93807f6"

var testTime = time.Unix(1772366400, 0)

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// keyFile returns the provider of a key file that holds 00…1f.
func keyFile(tb testing.TB) *unseal.File {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(sequence(0, 32))+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := unseal.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

func newSet(tb testing.TB, dev bool, providers ...unseal.Provider) *Set {
	tb.Helper()
	if len(providers) == 0 {
		providers = []unseal.Provider{keyFile(tb)}
	}
	s, err := NewSet(Config{Dev: dev, Providers: providers})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func created(tb testing.TB, s *Set, name string) []byte {
	tb.Helper()
	tok, err := s.Create(name, s.Dev(), rand.Reader, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func rotated(tb testing.TB, s *Set, name string) []byte {
	tb.Helper()
	tok, err := s.Rotate(name, rand.Reader, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func load(tb testing.TB, s *Set, tok []byte) {
	tb.Helper()
	if err := s.Load(tok); err != nil {
		tb.Fatal(err)
	}
}

func frozen(tb testing.TB) []byte {
	tb.Helper()
	tok, err := hex.DecodeString(frozenToken)
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	load(t, s, frozen(t))
	id := ID(append([]byte{1}, sequence(1, 15)...))
	if got := s.List(); len(got) != 1 || got[0] != (Info{"eu-west-1", id, 2, 2, 2}) {
		t.Fatalf("%+v", got)
	}
	for generation, first := range map[uint32]byte{1: 0x60, 2: 0x80} {
		var key [KeySize]byte
		name, err := s.Key(id, generation, &key)
		if err != nil || name != "eu-west-1" || !bytes.Equal(key[:], sequence(first, 32)) {
			t.Errorf("generation %d: %s, %x, %v", generation, name, key, err)
		}
	}
	var key [KeySize]byte
	if got, generation, err := s.Active("eu-west-1", &key); err != nil || got != id || generation != 2 || !bytes.Equal(key[:], sequence(0x80, 32)) {
		t.Errorf("active: %x, %d, %x, %v", got, generation, key, err)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{false, true} {
		file := keyFile(t)
		s := newSet(t, dev, file)
		first := created(t, s, "eu-west-1")
		if s.Has("eu-west-1") || len(s.List()) != 0 {
			t.Fatal("Create loads")
		}
		load(t, s, first)
		var key1, key2, got [KeySize]byte
		id, generation, err := s.Active("eu-west-1", &key1)
		if err != nil || generation != 1 || id.Dev() != dev || key1 == key2 {
			t.Fatalf("%x, %d, %v", id, generation, err)
		}
		second := rotated(t, s, "eu-west-1")
		if info := s.List()[0]; info.Epoch != 1 || info.Active != 1 || info.Generations != 1 {
			t.Fatalf("Rotate changes the state: %+v", info)
		}
		load(t, s, second)
		load(t, s, second) // changes nothing
		if info := s.List()[0]; info != (Info{"eu-west-1", id, 2, 2, 2}) {
			t.Fatalf("%+v", info)
		}
		if _, generation, err := s.Active("eu-west-1", &key2); err != nil || generation != 2 || key2 == key1 {
			t.Fatalf("generation %d, %v", generation, err)
		}
		if name, err := s.Key(id, 1, &got); err != nil || name != "eu-west-1" || got != key1 {
			t.Fatalf("the old generation: %s, %v", name, err)
		}
		// Another module with the same key file starts from the token alone.
		other := newSet(t, dev, file)
		load(t, other, second)
		if _, err := other.Key(id, 1, &got); err != nil || got != key1 {
			t.Fatalf("another module: %v", err)
		}
		if _, err := other.Key(id, 2, &got); err != nil || got != key2 {
			t.Fatalf("another module: %v", err)
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	load(t, s, created(t, s, "eu-west-1"))
	id := s.List()[0].ID
	var key [KeySize]byte
	if _, err := s.Key(id, 2, &key); !errors.Is(err, ErrUnknown) {
		t.Errorf("generation 2: %v", err)
	}
	if _, err := s.Key(ID{1}, 1, &key); !errors.Is(err, ErrUnknown) {
		t.Errorf("another id: %v", err)
	}
	if _, _, err := s.Active("us-east-1", &key); !errors.Is(err, ErrUnknown) {
		t.Errorf("another name: %v", err)
	}
	if _, err := s.Rotate("us-east-1", rand.Reader, testTime); !errors.Is(err, ErrUnknown) {
		t.Errorf("rotation of another: %v", err)
	}
	if key != [KeySize]byte{} {
		t.Error("a key came with an error")
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	load(t, s, created(t, s, "eu-west-1"))
	for _, name := range []string{"", "EU-WEST-1", "a/b", "a\x00", "é", "eu_west", string(bytes.Repeat([]byte{'a'}, 33)), "eu-west-1"} {
		if tok, err := s.Create(name, false, rand.Reader, testTime); !errors.Is(err, ErrRefused) || tok != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := s.Create("us-east-1", true, rand.Reader, testTime); !errors.Is(err, ErrRefused) {
		t.Errorf("development domain: %v", err)
	}
	broken := iotest.ErrReader(io.ErrClosedPipe)
	if _, err := s.Create("us-east-1", false, broken, testTime); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("without randomness: %v", err)
	}
	if _, err := s.Rotate("eu-west-1", broken, testTime); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("without randomness: %v", err)
	}
	if _, err := NewSet(Config{}); err == nil {
		t.Error("a set without a provider")
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	tok := created(t, s, "eu-west-1")
	load(t, s, tok)
	id := s.List()[0].ID
	s.Erase()
	var key [KeySize]byte
	if _, err := s.Key(id, 1, &key); !errors.Is(err, ErrUnknown) || key != [KeySize]byte{} {
		t.Errorf("Key: %v", err)
	}
	if _, _, err := s.Active("eu-west-1", &key); !errors.Is(err, ErrUnknown) {
		t.Errorf("Active: %v", err)
	}
	if s.slab.Get(0, &key) {
		t.Error("the slab still gives the key")
	}
	if err := s.Load(tok); !errors.Is(err, ErrRefused) {
		t.Errorf("Load: %v", err)
	}
	if _, err := s.Create("us-east-1", false, rand.Reader, testTime); !errors.Is(err, slab.ErrErased) {
		t.Errorf("Create: %v", err)
	}
}

// TestRotateUnderUse is for the race detector: a key that a reader takes is
// always a whole one of its generation.
func TestRotateUnderUse(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	load(t, s, created(t, s, "eu-west-1"))
	var seen sync.Map
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3000 {
				var key, again [KeySize]byte
				id, generation, err := s.Active("eu-west-1", &key)
				if err != nil {
					t.Error(err)
					return
				}
				if first, ok := seen.LoadOrStore(generation, key); ok && first != key {
					t.Error("a generation with two keys")
				}
				if _, err := s.Key(id, generation, &again); err != nil || again != key {
					t.Errorf("generation %d: %v", generation, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			load(t, s, rotated(t, s, "eu-west-1"))
		}
	})
	wg.Wait()
}
