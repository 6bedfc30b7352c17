package domain

import (
	"bytes"
	"errors"
	"testing"
)

// TestOneEncoding alters the CBOR of a clear part without altering its
// meaning, or adds what version 1 does not know: each is refused.
func TestOneEncoding(t *testing.T) {
	t.Parallel()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := split(frozen(t))
	if err != nil {
		t.Fatal(err)
	}
	good := parts.clear
	if _, err := c.decode(good); err != nil {
		t.Fatal(err)
	}
	replaced := func(old, with string) []byte {
		if bytes.Count(good, []byte(old)) != 1 {
			t.Fatalf("%x stands there %d times", old, bytes.Count(good, []byte(old)))
		}
		return bytes.Replace(good, []byte(old), []byte(with), 1)
	}
	for name, clear := range map[string][]byte{
		"member in another order":   replaced("\x0a\x80\x0b\x80", "\x0b\x80\x0a\x80"),
		"member twice":              replaced("\x0a\x80\x0b\x80", "\x0a\x80\x0a\x80"),
		"member missing":            append([]byte{0xad}, good[1:len(good)-2]...),
		"unknown member":            append(append([]byte{0xaf}, good[1:]...), 0x0f, 0x80),
		"epoch in a longer form":    replaced("\x03\x02\x04", "\x03\x18\x02\x04"),
		"epoch as a float":          replaced("\x03\x02\x04", "\x03\xf9\x40\x00\x04"),
		"epoch null":                replaced("\x03\x02\x04", "\x03\xf6\x04"),
		"epoch 0":                   replaced("\x03\x02\x04", "\x03\x00\x04"),
		"epoch 1 with predecessor":  replaced("\x03\x02\x04", "\x03\x01\x04"),
		"list without a length":     replaced("\x0a\x80", "\x0a\x9f\xff"),
		"tag":                       replaced("\x0a\x80", "\x0a\xc1\x80"),
		"null for an empty list":    replaced("\x0a\x80", "\x0a\xf6"),
		"a member":                  replaced("\x05\x80", "\x05\x81\xa0"),
		"name as bytes":             replaced("\x69eu-west-1", "\x49eu-west-1"),
		"name in upper case":        replaced("\x69eu-west-1", "\x69EU-west-1"),
		"name not UTF-8":            replaced("\x69eu-west-1", "\x69\xffu-west-1"),
		"id of 15 bytes":            replaced("\x50\x01\x01\x02", "\x4f\x01\x02"),
		"id of neither class":       replaced("\x50\x01\x01\x02", "\x50\x03\x01\x02"),
		"slot without provider":     replaced("\x64file", "\x60"),
		"more behind it":            append(bytes.Clone(good), 0),
		"empty":                     {},
		"not a map":                 {0x80},
		"deep nesting":              bytes.Repeat([]byte{0x81}, 1000),
		"a list of 2^32-1 elements": {0xa1, 0x08, 0x9a, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := c.decode(clear); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCBORHead(t *testing.T) {
	t.Parallel()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{0, 1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1} {
		want, err := c.enc.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendCBORHead(nil, cborUint, n); !bytes.Equal(got, want) {
			t.Errorf("%d: %x, want %x", n, got, want)
		}
	}
	// The map that is encoded by hand is the library's.
	key := [KeySize]byte(sequence(7, KeySize))
	want, err := c.enc.Marshal(map[uint32][]byte{5: key[:], 300: key[:]})
	if err != nil {
		t.Fatal(err)
	}
	got := appendKey(appendKey(appendCBORHead(nil, cborMap, 2), 5, &key), 300, &key)
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	key := [KeySize]byte(sequence(7, KeySize))
	good := appendKey(appendKey(appendCBORHead(nil, cborMap, 2), 5, &key), 300, &key)
	generations := []generation{{5, 1, deactivated}, {300, 1, active}}
	readKeys := func(plain []byte, generations []generation, put func(uint32, *[KeySize]byte) error) error {
		return readKeys(plain, &state{Generations: generations}, new([ScalarSize]byte), put)
	}
	ignore := func(uint32, *[KeySize]byte) error { return nil }
	if err := readKeys(good, generations, ignore); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if err := readKeys(good[:n], generations, ignore); !errors.Is(err, ErrRefused) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := readKeys(append(bytes.Clone(good), 0), generations, ignore); !errors.Is(err, ErrRefused) {
		t.Errorf("one byte more: %v", err)
	}
	for _, other := range [][]generation{generations[:1], {generations[0], {301, 1, active}}, append(generations, generation{301, 1, active})} {
		if err := readKeys(good, other, ignore); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v", other, err)
		}
	}
}

// FuzzLoad: no input panics, and nothing loads but the frozen token.
func FuzzLoad(f *testing.F) {
	s := newSet(f, false)
	tok := frozen(f)
	f.Add(tok)
	f.Add(tok[:len(tok)-1])
	f.Add([]byte("TD\x00\x01\x00\x00\x00\x01\xa0\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := s.Load(in); err == nil && !bytes.Equal(in, tok) {
			t.Fatalf("%x loads", in)
		}
	})
}

// FuzzDecode: what decodes encodes to the same bytes, and is well-formed.
func FuzzDecode(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	parts, err := split(frozen(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(parts.clear)
	f.Fuzz(func(t *testing.T, in []byte) {
		st, err := c.decode(in)
		if err != nil {
			return
		}
		out, err := c.enc.Marshal(st)
		if err != nil || !bytes.Equal(out, in) || st.activeGeneration() == 0 {
			t.Fatalf("%x decodes to %+v", in, st)
		}
	})
}
