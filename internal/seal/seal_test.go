package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"trent/internal/seal"
	"trent/internal/secret"
)

func key(fill byte) secret.Bytes { return secret.New(bytes.Repeat([]byte{fill}, 32)) }

func sealer(t testing.TB, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(key(fill))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// where is what a marker is bound to.
type where struct{ purpose, account, region, operation string }

var home = where{"page", "111122223333", "eu-central-1", "ListKeys"}

func open(s *seal.Sealer, w where, marker string) ([]byte, error) {
	return s.Open(w.purpose, w.account, w.region, w.operation, marker)
}

func sealAt(s *seal.Sealer, w where, plaintext []byte) string {
	return s.Seal(w.purpose, w.account, w.region, w.operation, plaintext)
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	for _, n := range []int{0, 1, 16, 36, 1000} {
		plaintext := bytes.Repeat([]byte{'p'}, n)
		marker := sealAt(s, home, plaintext)
		if want := base64.RawURLEncoding.EncodedLen(1 + 12 + n + 16); len(marker) != want {
			t.Errorf("%d bytes: a marker of %d characters, not %d", n, len(marker), want)
		}
		got, err := open(s, home, marker)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: got %q, %v", n, got, err)
		}
		if marker == sealAt(s, home, plaintext) {
			t.Errorf("%d bytes: two markers are equal", n)
		}
		if n > 3 && strings.Contains(marker, base64.RawURLEncoding.EncodeToString(plaintext)[:4]) {
			t.Errorf("%d bytes: the marker shows its plaintext", n)
		}
	}
}

// A marker outlives the process and the program's version. The key is
// 32 times 0x01, the nonce 12 times 0x02, the plaintext "next".
func TestFrozenVector(t *testing.T) {
	t.Parallel()
	const marker = "AQICAgICAgICAgICAmmzsT3XqIm6JVe-fcWAvG2FrdHL"
	got, err := open(sealer(t, 1), home, marker)
	if err != nil || string(got) != "next" {
		t.Errorf("got %q, %v", got, err)
	}
	if want := reference(t, key(1).Expose(), bytes.Repeat([]byte{2}, 12), home, "next"); marker != want {
		t.Errorf("the format's description gives %s", want)
	}
}

// reference writes a marker from the description in docs/formats.md.
func reference(t *testing.T, key, nonce []byte, w where, plaintext string) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	var aad string
	for _, part := range []string{w.purpose, w.account, w.region, w.operation} {
		aad += "\x00\x00\x00" + string(rune(len(part))) + part
	}
	return base64.RawURLEncoding.EncodeToString(append(append([]byte{1}, nonce...), gcm.Seal(nil, nonce, []byte(plaintext), []byte(aad))...))
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	marker := sealAt(s, home, []byte("plaintext"))
	refused := func(what string, s *seal.Sealer, w where, marker string) {
		t.Helper()
		if got, err := open(s, w, marker); !errors.Is(err, seal.ErrInvalid) || got != nil {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
	}
	refused("another key", sealer(t, 2), home, marker)
	for what, w := range map[string]where{
		"purpose":   {"grant", home.account, home.region, home.operation},
		"account":   {home.purpose, "444455556666", home.region, home.operation},
		"Region":    {home.purpose, home.account, "eu-central-2", home.operation},
		"operation": {home.purpose, home.account, home.region, "ListAliases"},
		"moved":     {home.purpose + "1", home.account[1:], home.region, home.operation},
		"nothing":   {},
	} {
		refused("another "+what, s, w, marker)
	}
	raw, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << bit
			refused("a flipped bit", s, home, base64.RawURLEncoding.EncodeToString(flipped))
		}
		refused("cut", s, home, base64.RawURLEncoding.EncodeToString(raw[:i]))
	}
	refused("longer", s, home, base64.RawURLEncoding.EncodeToString(append(raw, 0)))
}

// One marker has one text: any other character at any place is refused, and so
// are padding, line breaks and the standard alphabet.
func TestTextIsCanonical(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\n\r \x00"
	for n := range 3 { // the three alignments of base64
		marker := sealAt(s, home, make([]byte, n))
		for i := range marker {
			for _, c := range alphabet {
				if byte(c) == marker[i] {
					continue
				}
				changed := marker[:i] + string(c) + marker[i+1:]
				if _, err := open(s, home, changed); !errors.Is(err, seal.ErrInvalid) {
					t.Errorf("%q is opened for %q", changed, marker)
				}
			}
			for _, extra := range []string{"\n", "\r\n", "="} {
				if _, err := open(s, home, marker[:i]+extra+marker[i:]); !errors.Is(err, seal.ErrInvalid) {
					t.Errorf("%q is skipped", extra)
				}
			}
		}
		for _, extra := range []string{"\n", "=", "==", "A"} {
			if _, err := open(s, home, marker+extra); !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("%q at the end is accepted", extra)
			}
		}
	}
}

func TestNewRefusesOtherKeySizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 24, 31, 33} {
		if s, err := seal.New(secret.New(make([]byte, n))); err == nil || s != nil {
			t.Errorf("%d bytes are taken for a key", n)
		}
	}
}

func TestKeyMayBeWiped(t *testing.T) {
	t.Parallel()
	k := key(1)
	s, err := seal.New(k)
	if err != nil {
		t.Fatal(err)
	}
	k.Wipe()
	if got, err := open(sealer(t, 1), home, sealAt(s, home, []byte("x"))); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, 1)
	f.Add("", "page")
	f.Add("AQICAgICAgICAgICAg", "page")
	f.Fuzz(func(t *testing.T, marker, purpose string) {
		if got, err := s.Open(purpose, "111122223333", "eu-central-1", "ListKeys", marker); err == nil {
			t.Errorf("%q opens to %q", marker, got)
		}
		round := s.Seal(purpose, marker, "eu-central-1", "ListKeys", []byte(marker))
		if got, err := s.Open(purpose, marker, "eu-central-1", "ListKeys", round); err != nil || string(got) != marker {
			t.Errorf("%q became %q, %v", marker, got, err)
		}
	})
}
