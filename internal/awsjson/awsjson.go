// Package awsjson owns the JSON of the awsJson 1.1 protocol: a strict scanner
// over one request body and functions that append values to an answer. It
// uses no reflection and copies no more than the values it returns.
//
// It follows RFC 8259 and is stricter where leniency would let two readers
// see two requests in one body. It refuses, besides what is not JSON:
//
//   - a member name that stands twice in one object, also in skipped parts;
//   - invalid UTF-8 and escaped lone surrogates;
//   - null as a value of a map or as an element of a list (null as a
//     structure's member means that the member is absent);
//   - nesting deeper than MaxDepth, and anything but white space after the value;
//   - fractions and exponents in integers, line breaks, missing padding and
//     stray trailing bits in base64.
//
// Its errors must never hold any part of the input, which may be secret. Only
// internal/api and the packages that read or write small JSON of their own
// import it; it imports the standard library only.
package awsjson

import (
	"fmt"
	"unicode/utf8"
)

// MaxDepth is the number of objects and lists that may stand in one another.
const MaxDepth = 32

// Error says where, in bytes from the start of the input, and why the input
// was refused. It never holds the input itself.
type Error struct {
	Offset int
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("awsjson: %s at offset %d", e.Reason, e.Offset)
}

// Scanner reads one JSON value from a byte slice, which must not change
// meanwhile. The first error sticks: every later call returns a zero value or
// false, and Err reports it. A Scanner is used as a local variable, so that it
// needs no allocation.
type Scanner struct {
	data  []byte
	pos   int
	depth int
	err   *Error
}

// NewScanner returns a scanner that stands at the start of data.
func NewScanner(data []byte) Scanner {
	s := Scanner{data: data}
	if !utf8.Valid(data) {
		s.pos = invalidUTF8(data)
		s.fail("invalid UTF-8")
	}
	return s
}

// invalidUTF8 is the offset of the first byte that is not UTF-8.
func invalidUTF8(data []byte) int {
	pos := 0
	for pos < len(data) {
		r, size := utf8.DecodeRune(data[pos:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		pos += size
	}
	return pos
}

// Err is the first error, always an *Error; nil if there was none.
func (s *Scanner) Err() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// End checks that nothing but white space is left, and returns Err.
func (s *Scanner) End() error {
	s.space()
	if s.pos < len(s.data) {
		s.fail("data after the value")
	}
	return s.Err()
}

// fail keeps the first error and moves to the end, where every read fails.
func (s *Scanner) fail(reason string) {
	if s.err == nil {
		s.err = &Error{Offset: s.pos, Reason: reason}
	}
	s.pos = len(s.data)
}

// failAt is fail with another offset.
func (s *Scanner) failAt(offset int, reason string) {
	s.pos = offset
	s.fail(reason)
}

// space skips white space.
func (s *Scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek is the next byte after white space; 0 at the end.
func (s *Scanner) peek() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// Peek is the first byte of the next value, by which its kind is known: a
// brace, a bracket, a quote, a letter, a digit or '-'. It is 0 at the end and after
// an error.
func (s *Scanner) Peek() byte { return s.peek() }

// Offset is where the scanner stands in its data.
func (s *Scanner) Offset() int { return s.pos }

// take consumes c after white space, or fails.
func (s *Scanner) take(c byte, reason string) bool {
	if s.peek() != c {
		s.fail(reason)
		return false
	}
	s.pos++
	return true
}

// literal consumes word if it stands next.
func (s *Scanner) literal(word string) bool {
	s.space()
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}
