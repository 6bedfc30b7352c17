// Package grant owns what a grant is: which operations it can allow on which
// keys, whom it covers, what its constraints demand of a request, what a grant
// that was made through another may allow, and the form of grant ids and grant
// tokens. It is pure: it reads no store (internal/grantdir does) and no clock.
//
// It must never decide a request: a grant that allows it is one voice, and an
// explicit deny is stronger (internal/authz). Everyone on the service's side may
// import it. It follows the AWS KMS Developer Guide, "Grants in AWS KMS".
package grant

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"trent/internal/record"
)

// idBytes is the length of a grant id, which shows as twice as many hex digits.
const idBytes = 32

// NewID makes a grant id of random bytes.
func NewID(random io.Reader) (string, error) {
	var b [idBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a grant id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// ValidID reports whether s has the form of a grant id: 64 lower-case hex digits.
func ValidID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 2*idBytes
}

// Same is a hash of everything that a CreateGrant request determines, the name
// included: two requests with the same hash ask for the same grant. Neither the
// order of operations nor when the grant was made counts.
func Same(g *record.Grant) [sha256.Size]byte {
	operations := slices.Sorted(slices.Values(g.Operations))
	parts := []string{
		g.Name, g.Grantee, g.GranteeID, g.GranteeService, g.Retiring, g.RetiringID, g.RetiringService,
		g.IssuingAccount, g.Constraint, g.SourceARN, fmt.Sprint(g.ForAWSResource), fmt.Sprint(len(operations)),
	}
	parts = append(parts, operations...)
	for _, name := range slices.Sorted(maps.Keys(g.Context)) {
		parts = append(parts, name, g.Context[name])
	}
	var b []byte
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return sha256.Sum256(b)
}
