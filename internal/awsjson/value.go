package awsjson

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
)

// strictBase64 is the standard alphabet with padding, and refuses trailing
// bits that are not zero.
var strictBase64 = base64.StdEncoding.Strict()

// The first and last second that a timestamp may name: the years 1 to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	if s.literal("true") {
		return true
	}
	if !s.literal("false") {
		s.fail("expected true or false")
	}
	return false
}

// digits consumes digits and reports whether there was one.
func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

// number reads a JSON number and returns its text.
func (s *Scanner) number() []byte {
	s.space()
	start := s.pos
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if !s.digits() {
		s.failAt(start, "expected a number")
		return nil
	}
	if s.at('.') {
		s.pos++
		if !s.digits() {
			s.failAt(start, "expected a number")
			return nil
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if !s.digits() {
			s.failAt(start, "expected a number")
			return nil
		}
	}
	return s.data[start:s.pos]
}

// at reports whether c stands next, without white space.
func (s *Scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

// Int32 reads an integer of 32 bits, written without fraction or exponent.
func (s *Scanner) Int32() int32 {
	s.space()
	start := s.pos
	text := s.number()
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	var n int64
	for _, c := range text {
		if !isDigit(c) {
			s.failAt(start, "expected an integer")
			return 0
		}
		if n = n*10 + int64(c-'0'); n > math.MaxInt32+1 {
			break
		}
	}
	if negative {
		n = -n
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		s.failAt(start, "integer out of range")
		return 0
	}
	return int32(n)
}

// Number reads a number of any form and returns it as it is written.
func (s *Scanner) Number() string { return string(s.number()) }

// Time reads a timestamp: a number of seconds since 1970, possibly with a
// fraction or an exponent, rounded to milliseconds. The result is in UTC.
func (s *Scanner) Time() time.Time {
	s.space()
	start := s.pos
	text := s.number()
	if s.err != nil {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || seconds < minSeconds || seconds > maxSeconds {
		s.failAt(start, "timestamp out of range")
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

// Blob reads a string of base64 and appends its bytes to dst, which may be
// nil; the result is never nil unless there was an error. What a failed
// decoding left in the slice is wiped.
func (s *Scanner) Blob(dst []byte) []byte {
	s.space()
	start := s.pos
	v := s.raw("expected a string of base64")
	if s.err != nil {
		return nil
	}
	text := s.data[v.start:v.end]
	if v.escaped {
		text = unescape(make([]byte, 0, len(text)), text)
		defer clear(text)
	}
	if dst == nil {
		dst = make([]byte, 0, base64.StdEncoding.DecodedLen(len(text)))
	}
	out, err := strictBase64.AppendDecode(dst, text)
	// The decoder ignores line breaks, so that one length could have many
	// texts; the bytes encoded again have one length only.
	if err != nil || base64.StdEncoding.EncodedLen(len(out)-len(dst)) != len(text) {
		clear(out[len(dst):cap(out)])
		s.failAt(start, "invalid base64")
		return nil
	}
	return out
}
