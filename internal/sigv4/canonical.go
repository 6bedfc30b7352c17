package sigv4

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// appendCanonicalRequest appends
//
//	method ⏎ path ⏎ query ⏎ (name:values ⏎)… ⏎ signed headers ⏎ hex SHA-256 of the body
//
// It reports false for a request that has no canonical form: a path that is
// not normalised, a malformed escape, a line break where none can be.
func (s *Signature) appendCanonicalRequest(b []byte, bodyHash *[sha256.Size]byte) ([]byte, bool) {
	r := s.request
	b, ok1 := appendText(b, r.Method)
	b, ok2 := appendPath(append(b, '\n'), r.Path)
	b, ok3 := appendQuery(append(b, '\n'), r.RawQuery)
	b = append(b, '\n')
	ok := ok1 && ok2 && ok3
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		b = append(b, name...)
		b = append(b, ':')
		var fine bool
		if name == hostName {
			b, fine = appendText(b, r.Host)
		} else {
			b, fine = appendValues(b, lookup(r.Header, name))
		}
		ok = ok && fine
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.signedHeaders...)
	b = append(b, '\n')
	return hex.AppendEncode(b, bodyHash[:]), ok
}

// appendValues appends the values of one header, joined by commas.
func appendValues(b []byte, values []string) ([]byte, bool) {
	ok := true
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var fine bool
		b, fine = appendText(b, value)
		ok = ok && fine
	}
	return b, ok
}

// appendText appends a value without leading and trailing white space, and
// with one space for each run of spaces. It reports false if the value holds a
// line break, which would let one value look like two headers.
func appendText(b []byte, value string) ([]byte, bool) {
	value = strings.Trim(value, " \t")
	if strings.ContainsAny(value, "\r\n") {
		return b, false
	}
	if !strings.Contains(value, "  ") {
		return append(b, value...), true
	}
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' { // the first is no space: trimmed
			b = append(b, value[i])
		}
	}
	return b, true
}

// appendPath appends the path, encoded once more, as all services but S3 want it.
func appendPath(b []byte, path string) ([]byte, bool) {
	if path == "" || path == "/" {
		return append(b, '/'), true
	}
	segments, ok := strings.CutPrefix(path, "/")
	if !ok {
		return b, false
	}
	for segments != "" {
		var segment string
		segment, segments, _ = strings.Cut(segments, "/")
		if segment == "" || segment == "." || segment == ".." {
			return b, false
		}
	}
	for i := range len(path) {
		if path[i] == '/' {
			b = append(b, '/')
		} else {
			b = appendEncoded(b, path[i])
		}
	}
	return b, true
}

// appendQuery appends the parameters, encoded in the one canonical way and
// sorted by name, then value.
func appendQuery(b []byte, query string) ([]byte, bool) {
	if query == "" {
		return b, true
	}
	type parameter struct{ name, value []byte }
	var parameters []parameter
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, ok1 := appendParameter(nil, name)
		v, ok2 := appendParameter(nil, value)
		if !ok1 || !ok2 {
			return b, false
		}
		parameters = append(parameters, parameter{n, v})
	}
	slices.SortFunc(parameters, func(x, y parameter) int {
		return cmp.Or(bytes.Compare(x.name, y.name), bytes.Compare(x.value, y.value))
	})
	for i, p := range parameters {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, true
}

// appendParameter decodes a name or value as a form's parser does (a plus sign
// is a space), so that what is signed is what is understood, and encodes it.
func appendParameter(b []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = appendEncoded(b, ' ')
		case '%':
			var decoded [1]byte
			if len(s)-i < 3 {
				return b, false
			}
			if _, err := hex.Decode(decoded[:], []byte(s[i+1:i+3])); err != nil {
				return b, false
			}
			b = appendEncoded(b, decoded[0])
			i += 2
		default:
			b = appendEncoded(b, c)
		}
	}
	return b, true
}

const upperHex = "0123456789ABCDEF"

// appendEncoded percent-encodes c unless RFC 3986 calls it unreserved.
func appendEncoded(b []byte, c byte) []byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~' {
		return append(b, c)
	}
	return append(b, '%', upperHex[c>>4], upperHex[c&0xf])
}
