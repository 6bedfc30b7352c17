package awsjson

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends v as a JSON string. Quotes, backslashes and control
// characters are escaped; a byte that is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, v string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(v); {
		if i+8 <= len(v) && plain(load(v, i)) {
			i += 8
			continue
		}
		c := v[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(v[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, v[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c < 0x20 || c == '"' || c == '\\' {
			dst = appendEscape(append(dst, v[start:i]...), c)
			start = i + 1
		}
		i++
	}
	return append(append(dst, v[start:]...), '"')
}

// load returns eight bytes of v as one number; the compiler makes it one load.
func load(v string, i int) uint64 {
	_ = v[i+7]
	return uint64(v[i]) | uint64(v[i+1])<<8 | uint64(v[i+2])<<16 | uint64(v[i+3])<<24 |
		uint64(v[i+4])<<32 | uint64(v[i+5])<<40 | uint64(v[i+6])<<48 | uint64(v[i+7])<<56
}

// plain reports whether none of eight bytes must be looked at: all are ASCII,
// no control character, quote or backslash. A subtraction sets the high bit of
// a byte that is less than what is subtracted; a borrow from the byte below
// can set it too, but then that byte has set its own.
func plain(x uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^each*'"', x^each*'\\'
	return (x|(x-each*' ')|(quote-each)|(backslash-each))&high == 0
}

// appendEscape appends the escape sequence of one ASCII character.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendBlob appends v as a string of base64, standard alphabet, padded.
func AppendBlob(dst, v []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v)
	return append(dst, '"')
}

// AppendInt appends v as a number.
func AppendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// AppendBool appends true or false.
func AppendBool(dst []byte, v bool) []byte { return strconv.AppendBool(dst, v) }

// AppendTime appends v as seconds since 1970 with up to three decimals; what
// is finer than a millisecond is cut off.
func AppendTime(dst []byte, v time.Time) []byte {
	ms := v.UnixMilli()
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	frac := ms % 1000
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// AppendStringMap appends pairs as an object. The keys must differ.
func AppendStringMap(dst []byte, pairs []Pair) []byte {
	dst = append(dst, '{')
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, p.Key), ':')
		dst = AppendString(dst, p.Value)
	}
	return append(dst, '}')
}
