package api

import (
	"strconv"
	"unicode/utf8"
)

// ValidationError is a request that violates constraints; the wire answers
// with ValidationException.
type ValidationError struct{ message string }

// Message is the text for the client. It holds no sensitive value.
func (e *ValidationError) Message() string { return e.message }

func (e *ValidationError) Error() string { return e.message }

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
// are bounded: a value is cut after echoLimit bytes, and violations after
// messageLimit bytes are counted but not described.
const (
	echoLimit    = 4 << 10
	messageLimit = 16 << 10
)

// path is where a structure stands: name under parent, in a list if index,
// counted from 1, is not 0. A nil path is the request itself.
type path struct {
	parent *path
	name   string
	index  int
}

func (p *path) append(dst []byte) []byte {
	if p == nil {
		return dst
	}
	dst = append(p.parent.append(dst), p.name...)
	if p.index > 0 {
		dst = strconv.AppendInt(append(dst, '.'), int64(p.index), 10)
		dst = append(dst, ".member"...)
	}
	return append(dst, '.')
}

// violations collects what a request violates. Its zero value is ready, and
// costs nothing while there is no violation.
type violations struct {
	n    int
	text []byte
}

// err is the error of all violations; nil if there is none.
func (v *violations) err() error {
	if v.n == 0 {
		return nil
	}
	message := make([]byte, 0, len(v.text)+40)
	message = strconv.AppendInt(message, int64(v.n), 10)
	if v.n == 1 {
		message = append(message, " validation error detected: "...)
	} else {
		message = append(message, " validation errors detected: "...)
	}
	return &ValidationError{message: string(append(message, v.text...))}
}

// add counts a violation and describes it; what follows "Value" is shown as is.
func (v *violations) add(p *path, name, shown, constraint string) {
	v.n++
	if len(v.text) > messageLimit {
		return
	}
	if v.n > 1 {
		v.text = append(v.text, "; "...)
	}
	v.text = append(append(v.text, "Value"...), shown...)
	v.text = append(p.append(append(v.text, " at '"...)), name...)
	v.text = append(append(v.text, "' failed to satisfy constraint: "...), constraint...)
}

// echo is a value as it stands after "Value".
func echo(value string) string {
	if len(value) > echoLimit {
		cut := echoLimit
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "..."
	}
	return " '" + value + "'"
}

// echoList is a list as it stands after "Value", in Java's form.
func echoList(values []string) string {
	text := []byte{'['}
	for i, value := range values {
		if i > 0 {
			text = append(text, ", "...)
		}
		if text = append(text, value...); len(text) > echoLimit {
			break
		}
	}
	return echo(string(append(text, ']')))
}

// null reports a required member that is absent.
func (v *violations) null(p *path, name string) { v.add(p, name, " null", mustNotBeNull) }

// hidden reports a violation without the value, which is sensitive or a blob.
func (v *violations) hidden(p *path, name, constraint string) { v.add(p, name, "", constraint) }

// length checks a string's length in UTF-16 code units.
func (v *violations) length(p *path, name, value string, min, max int) {
	// The length in bytes is at least the length in code units, and at most
	// three times it; that decides for nearly every value.
	if len(value) <= max && len(value) >= 3*min {
		return
	}
	if n := utf16Len(value); !within(n, min, max) {
		v.add(p, name, echo(value), lengthText(n, min, max))
	}
}

// hiddenLength checks a length without showing the value.
func (v *violations) hiddenLength(p *path, name string, n, min, max int) {
	if !within(n, min, max) {
		v.add(p, name, "", lengthText(n, min, max))
	}
}

// integer checks an integer's value.
func (v *violations) integer(p *path, name string, n int32, min, max int) {
	shown := func() string { return echo(strconv.Itoa(int(n))) }
	switch {
	case int(n) > max:
		v.add(p, name, shown(), valueAtMost+strconv.Itoa(max))
	case int(n) < min:
		v.add(p, name, shown(), valueAtLeast+strconv.Itoa(min))
	}
}

// pattern reports a string that its pattern does not match.
func (v *violations) pattern(p *path, name, value, pattern string) {
	v.add(p, name, echo(value), mustMatch+pattern)
}

// enum reports a string that is none of a set.
func (v *violations) enum(p *path, name, value, set string) {
	v.add(p, name, echo(value), mustBeOneOf+set)
}

// items checks a list's length. Values are nil if they are sensitive.
func (v *violations) items(p *path, name string, values []string, n, min, max int) {
	if !within(n, min, max) {
		v.add(p, name, shownList(values), lengthText(n, min, max))
	}
}

// elements reports a list of scalars of which one violates constraints. AWS
// names the list, not the element, and all constraints of its elements.
func (v *violations) elements(p *path, name string, values []string, constraints string) {
	v.add(p, name, shownList(values), "Member must satisfy constraint: ["+constraints+"]")
}

func shownList(values []string) string {
	if values == nil {
		return ""
	}
	return echoList(values)
}

func within(n, min, max int) bool { return n >= min && n <= max }

func lengthText(n, min, max int) string {
	if n > max {
		return lengthAtMost + strconv.Itoa(max)
	}
	return lengthAtLeast + strconv.Itoa(min)
}

// utf16Len is the length that AWS counts: its service is written in Java,
// whose strings are UTF-16, so a character beyond U+FFFF counts twice.
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

// class is a set of characters below 256, one bit each.
type class [4]uint64

// matchClass reports whether v consists of min to max characters of a class;
// max -1 is no limit.
func matchClass(v string, c class, min, max int) bool {
	n := 0
	for _, r := range v {
		if r > 255 || c[r>>6]&(1<<(r&63)) == 0 {
			return false
		}
		n++
	}
	return n >= min && (max < 0 || n <= max)
}
