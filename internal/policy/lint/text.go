package lint

import (
	"strings"

	"trent/internal/policy"
)

// join lists values for people, not too many of them.
func join(values []string) string {
	const most = 5
	if len(values) > most {
		return strings.Join(values[:most], ", ") + ", …"
	}
	return strings.Join(values, ", ")
}

// without says what it means for a statement that a part of it matches nothing.
func without(s *policy.Statement, part string) string {
	if s.Effect == policy.Deny {
		return "As if it did not have " + part + ": what it is to deny stays allowed"
	}
	return "As if it did not have " + part + ": what it is to allow stays denied"
}
