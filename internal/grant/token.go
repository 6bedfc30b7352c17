package grant

import (
	"encoding/hex"
	"errors"

	"trent/internal/arn"
	"trent/internal/seal"
)

// A Token is what a grant token says: which grant it stands for. It proves that
// CreateGrant has given it out, and allows nothing by itself: a grant is in
// force from its making to its end, with a token and without. So it needs no
// time limit, and who finds one has gained nothing.
type Token struct {
	Account, KeyID string // of the key
	GrantID        string
}

// ErrToken says that a text is no grant token of the Region.
var ErrToken = errors.New("grant: no grant token of this Region")

// The purpose and operation that sealed tokens are bound to. The account is in
// the token: whoever presents it may be of another one.
const (
	purpose   = "grant token"
	operation = "CreateGrant"
)

const accountBytes = 12

// Seal makes a token, a new text each time. The grant's id is a valid one.
func (t Token) Seal(s *seal.Sealer, region string) (string, error) {
	id, err := hex.DecodeString(t.GrantID)
	if err != nil || len(id) != idBytes || !arn.ValidAccount(t.Account) {
		return "", ErrToken
	}
	b := append(append([]byte(t.Account), id...), t.KeyID...)
	return s.Seal(purpose, "", region, operation, b), nil
}

// OpenToken reads a token, or returns ErrToken.
func OpenToken(s *seal.Sealer, region, text string) (Token, error) {
	b, err := s.Open(purpose, "", region, operation, text)
	if err != nil || len(b) <= accountBytes+idBytes {
		return Token{}, ErrToken
	}
	return Token{
		Account: string(b[:accountBytes]), GrantID: hex.EncodeToString(b[accountBytes : accountBytes+idBytes]),
		KeyID: string(b[accountBytes+idBytes:]),
	}, nil
}
