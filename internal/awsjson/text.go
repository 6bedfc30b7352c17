package awsjson

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// span is a string's place in the input, without its quotes.
type span struct {
	start, end int
	escaped    bool // it holds a backslash
}

// raw reads a string and checks its escapes; reason is the error if there is
// no string.
func (s *Scanner) raw(reason string) span {
	if !s.take('"', reason) {
		return span{}
	}
	v := span{start: s.pos}
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			v.end = s.pos
			s.pos++
			return v
		case c == '\\':
			v.escaped = true
			if !s.escape() {
				return span{}
			}
		case c < 0x20:
			s.fail("control character in a string")
			return span{}
		default:
			s.pos++
		}
	}
	s.fail("string without an end")
	return span{}
}

// escape consumes one escape sequence, or the two of a surrogate pair.
func (s *Scanner) escape() bool {
	at := s.pos
	if s.pos+1 >= len(s.data) {
		s.fail("string without an end")
		return false
	}
	c := s.data[s.pos+1]
	if c != 'u' {
		if strings.IndexByte(`"\/bfnrt`, c) < 0 {
			s.fail("unknown escape")
			return false
		}
		s.pos += 2
		return true
	}
	r, ok := unit(s.data[s.pos:])
	if !ok {
		s.fail("unknown escape")
		return false
	}
	s.pos += 6
	if !utf16.IsSurrogate(r) {
		return true
	}
	low, ok := unit(s.data[s.pos:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		s.failAt(at, "lone surrogate")
		return false
	}
	s.pos += 6
	return true
}

// unit reads \uXXXX at the start of b: one UTF-16 code unit.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the decoded form of raw, which was checked, to dst.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := unit(raw[i:])
			if utf16.IsSurrogate(r) {
				low, _ := unit(raw[i+6:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// text reads a string as bytes: a part of the input where nothing is escaped.
func (s *Scanner) text(reason string) []byte {
	v := s.raw(reason)
	b := s.data[v.start:v.end]
	if v.escaped {
		return unescape(make([]byte, 0, len(b)), b)
	}
	return b
}

// Text reads a string as bytes. They may be a part of the input: the caller
// neither changes nor keeps them.
func (s *Scanner) Text() []byte { return s.text("expected a string") }

// String reads a string.
func (s *Scanner) String() string { return string(s.Text()) }

// Secret reads a string into a slice of the caller's own, which it can wipe.
func (s *Scanner) Secret() []byte {
	v := s.raw("expected a string")
	b := s.data[v.start:v.end]
	return unescape(make([]byte, 0, len(b)), b)
}

// Pair is one entry of a map of strings.
type Pair struct{ Key, Value string }

// StringMap reads an object whose values are all strings, in the order of the
// keys' bytes. An empty object gives an empty slice that is not nil. All
// entries without escapes share one string, so a map costs two allocations.
func (s *Scanner) StringMap() []Pair {
	if !s.enter('{', "expected an object") {
		return nil
	}
	start := s.pos
	var few [2 * 8]span
	spans := few[:0]
	for more := s.peek() != '}'; more; {
		key := s.raw("expected a member name")
		if !s.take(':', "expected a colon") {
			return nil
		}
		value := s.raw("expected a string as the map's value")
		spans = append(spans, key, value)
		if more = s.peek() == ','; more {
			s.pos++
		}
	}
	if s.peek() != '}' {
		s.fail("expected a comma or the end of the object")
		return nil
	}
	all := string(s.data[start:s.pos])
	s.leave()
	pairs := make([]Pair, len(spans)/2)
	for i := range pairs {
		pairs[i] = Pair{Key: s.cut(all, start, spans[2*i]), Value: s.cut(all, start, spans[2*i+1])}
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(pairs); i++ {
		if pairs[i].Key == pairs[i-1].Key {
			s.failAt(start, "duplicate key in a map")
			return nil
		}
	}
	return pairs
}

// cut is v as a part of all, the input from offset start on as a string.
func (s *Scanner) cut(all string, start int, v span) string {
	if v.escaped {
		return string(unescape(nil, s.data[v.start:v.end]))
	}
	return all[v.start-start : v.end-start]
}
