package query

import "unicode"

// TagKey and TagValue are the rules of tags of principals and of sessions.
var (
	TagKey   = &Rule{Min: 1, Max: 128, Match: validTag, Pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`}
	TagValue = &Rule{Max: 256, Match: validTag, Pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`}
)

// validTag: letters, separators and numbers of every script, and some marks.
func validTag(s string) bool {
	for _, r := range s {
		switch r {
		case '_', '.', ':', '/', '=', '+', '-', '@':
			continue
		}
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) {
			return false
		}
	}
	return true
}
