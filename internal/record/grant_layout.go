package record

import "encoding/hex"

// The store keys of grants; see layout.go.

// GrantPath is the store key of a grant's record.
func GrantPath(region, account, keyID, grantID string) []byte {
	return path(region, KindGrant, account, keyID, grantID)
}

// GrantPrefix covers the grants of a key, in order of their ids.
func GrantPrefix(region, account, keyID string) []byte {
	return path(region, KindGrant, account, keyID, "")
}

// RetirablePath is the store key, with an empty value, that lists a grant under
// the account of its retiring principal, and under that principal.
func RetirablePath(region, retiring, account, keyID, grantID string) []byte {
	return path(region, KindRetirable, hex.EncodeToString([]byte(retiring)), account, keyID, grantID)
}

// RetirablePrefix covers the grants that a principal can retire.
func RetirablePrefix(region, retiring string) []byte {
	return path(region, KindRetirable, hex.EncodeToString([]byte(retiring)), "")
}

// parseGrant reads <account>/<key id>/<grant id>.
func (p *Path) parseGrant(rest string) (ok bool) {
	if p.Account, rest, ok = cut(rest); ok {
		p.KeyID, p.Name, ok = cut(rest)
	}
	return ok && plain(p.Name)
}

// parseRetirable reads <hex of the retiring principal>/<account>/<key id>/<grant id>.
func (p *Path) parseRetirable(rest string) bool {
	retirer, rest, ok := cut(rest)
	b, err := hex.DecodeString(retirer)
	p.Retirer = string(b)
	return ok && err == nil && hex.EncodeToString(b) == retirer && p.parseGrant(rest)
}
