package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold is a name as conditions compare it: a condition key, and what stands in
// one, the key of a tag or of an encryption context. Names that are the same
// folded are one name, and whatever keeps tags under keys whose case does not
// count must go by Fold too: by another rule it could keep a tag that decides
// under a name that no condition has asked for.
func Fold(name string) string { return strings.ToLower(name) }

// Folds reports whether Fold(name) is folded. It allocates nothing.
func Folds(name, folded string) bool {
	for _, r := range name {
		want, size := utf8.DecodeRuneInString(folded)
		if size == 0 || unicode.ToLower(r) != want {
			return false
		}
		folded = folded[size:]
	}
	return folded == ""
}
