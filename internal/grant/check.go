package grant

import (
	"strings"
	"unicode/utf16"

	"trent/internal/apierr"
	"trent/internal/key"
	"trent/internal/record"
)

// The encryption context constraints, by AWS's names.
const (
	Equals = "EncryptionContextEquals"
	Subset = "EncryptionContextSubset"
)

// What an encryption context constraint holds at most. AWS documents the pairs
// and the length of a value; the length of a name is bounded alike.
const (
	maxPairs      = 8
	maxCharacters = 384
)

// Check returns AWS's ValidationException if a grant on the key cannot be.
func Check(g *record.Grant, k *key.Key) error {
	set := SetOf(g.Operations)
	switch {
	case set == 0:
		return invalid("Grants must contain at least one operation.")
	case set == CreateGrant:
		return invalid("Grants must not contain only the CreateGrant operation.") // reported
	}
	if wrong := set &^ Suitable(k); wrong != 0 {
		return invalid("The operations [%s] are not supported by KMS keys with key spec %s and key usage %s.", strings.Join(wrong.Names(), ", "), k.Spec, k.Usage)
	}
	if g.Constraint == "" {
		return nil
	}
	if k.Spec != key.SymmetricDefault {
		return invalid("Encryption context constraints are supported only in grants for symmetric encryption KMS keys.")
	}
	if len(g.Context) > maxPairs {
		return invalid("An encryption context constraint can have at most %d pairs.", maxPairs)
	}
	for name, value := range g.Context {
		if characters(name) > maxCharacters || characters(value) > maxCharacters {
			return invalid("Names and values in an encryption context constraint can have at most %d characters.", maxCharacters)
		}
	}
	return nil
}

// CheckID returns AWS's InvalidGrantIdException for what is no grant id.
func CheckID(id string) error {
	if !ValidID(id) {
		return apierr.New(apierr.InvalidGrantID, "Grant ID %s is not valid.", id)
	}
	return nil
}

// NotFound is AWS's error for a grant that is not there.
func NotFound(id string) error { return apierr.New(apierr.NotFound, "Grant ID %s is not found.", id) }

func invalid(format string, args ...any) error { return apierr.New(apierr.Validation, format, args...) }

// characters counts as Java does, as for every constraint of the model.
func characters(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
