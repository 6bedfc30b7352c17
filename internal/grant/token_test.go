package grant

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"trent/internal/seal"
	"trent/internal/secret"
)

func sealer(t *testing.T, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(secret.New(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTokens: a token says which grant it is of, in its Region, and every change
// of it is refused.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	want := Token{Account: "111122223333", KeyID: "mrk-1234567890abcdef1234567890abcdef", GrantID: strings.Repeat("0a", idBytes)}
	text, err := want.Seal(s, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenToken(s, "eu-west-1", text); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if again, err := want.Seal(s, "eu-west-1"); err != nil || again == text {
		t.Errorf("a second token is the first, %v", err)
	}
	refused := func(what, region string, s *seal.Sealer, text string) {
		t.Helper()
		if got, err := OpenToken(s, region, text); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	refused("another Region", "us-east-1", s, text)
	refused("another service's", "eu-west-1", sealer(t, 2), text)
	refused("nothing", "eu-west-1", s, "")
	refused("a marker", "eu-west-1", s, s.Seal("marker", "111122223333", "eu-west-1", "ListGrants", []byte(strings.Repeat("x", 80))))
	refused("a short one", "eu-west-1", s, s.Seal(purpose, "", "eu-west-1", operation, []byte(strings.Repeat("x", accountBytes+idBytes))))
	for i := range text {
		b := []byte(text)
		if b[i] ^= 1; b[i] == '\n' || b[i] == '\r' {
			continue
		}
		refused("a changed one", "eu-west-1", s, string(b))
	}
	for _, bad := range []Token{{Account: "1", KeyID: "k", GrantID: want.GrantID}, {Account: want.Account, KeyID: "k", GrantID: "0a"}, {}} {
		if text, err := bad.Seal(s, "eu-west-1"); err == nil {
			t.Errorf("%+v has the token %s", bad, text)
		}
	}
}

// FuzzOpenToken: no text is a token that nobody has sealed, and what is sealed
// in a token is read as it was written, or is none.
func FuzzOpenToken(f *testing.F) {
	f.Add("", []byte{})
	f.Add("AQAA", []byte("111122223333"))
	f.Add("AcZ5ZtXm4k48ORXIpRSeWvoV7MI", []byte("111122223333"+strings.Repeat("\x0a", idBytes)+"1234abcd-12ab-34cd-56ef-1234567890ab"))
	s, err := seal.New(secret.New(make([]byte, 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, inside []byte) {
		if token, err := OpenToken(s, "eu-west-1", text); err == nil {
			t.Errorf("%q is a token: %+v", text, token)
		}
		token, err := OpenToken(s, "eu-west-1", s.Seal(purpose, "", "eu-west-1", operation, inside))
		if err != nil {
			if len(inside) > accountBytes+idBytes {
				t.Errorf("%x: %v", inside, err)
			}
			return
		}
		again := append([]byte(token.Account), inside[accountBytes:accountBytes+idBytes]...)
		if again = append(again, token.KeyID...); !bytes.Equal(again, inside) || !ValidID(token.GrantID) {
			t.Errorf("%x is read as %+v", inside, token)
		}
	})
}
