package query

import (
	"strconv"
	"unicode/utf8"

	"trent/internal/apierr"
)

// The texts of AWS.
const (
	mustNotBeNull = "Member must not be null"
	mustMatch     = "Member must satisfy regular expression pattern: "
	mustBeOneOf   = "Member must satisfy enum value set: "
	lengthAtMost  = "Member must have length less than or equal to "
	lengthAtLeast = "Member must have length greater than or equal to "
	valueAtMost   = "Member must have value less than or equal to "
	valueAtLeast  = "Member must have value greater than or equal to "
)

// AWS echoes values whole. A message also goes into the audit record, so ours
// are bounded.
const (
	echoLimit    = 4 << 10
	messageLimit = 16 << 10
	shortLimit   = 128
)

// violations collects what a request violates.
type violations struct {
	n    int
	text []byte
}

// add counts a violation and describes it; what follows "Value" is shown as is.
func (v *violations) add(at, shown, constraint string) {
	v.n++
	if len(v.text) > messageLimit {
		return
	}
	if v.n > 1 {
		v.text = append(v.text, "; "...)
	}
	v.text = append(append(v.text, "Value"...), shown...)
	v.text = append(append(v.text, " at '"...), at...)
	v.text = append(append(v.text, "' failed to satisfy constraint: "...), constraint...)
}

// err is the error of all violations; nil if there is none.
func (v *violations) err() error {
	if v.n == 0 {
		return nil
	}
	errors := " validation errors detected: "
	if v.n == 1 {
		errors = " validation error detected: "
	}
	return apierr.New(apierr.Validation, "%s", strconv.Itoa(v.n)+errors+string(v.text))
}

// echo is a value as it stands after "Value".
func echo(value string) string { return " '" + cut(value, echoLimit) + "'" }

// Shown is a client's word as a message shows it.
func Shown(value string) string { return short(printable(value)) }

// short is a value in messages of ours.
func short(value string) string { return cut(value, shortLimit) }

func cut(value string, limit int) string {
	if len(value) <= limit {
		return value
	}
	for !utf8.RuneStart(value[limit]) {
		limit--
	}
	return value[:limit] + "..."
}

// utf16Len is the length that AWS counts.
func utf16Len(v string) int {
	n := 0
	for _, r := range v {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
