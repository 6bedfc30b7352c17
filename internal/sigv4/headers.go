package sigv4

import (
	"slices"
	"strings"
)

const (
	hostName      = "host"
	amzPrefix     = "x-amz-"
	contentType   = "content-type"
	maxHeaderName = 128 // bytes; a longer signed name is refused
)

// checkSignedHeaders refuses a SignedHeaders that is not in canonical form,
// names a header that is not there, or leaves one out that must be signed:
// Host and every X-Amz-… that the request has.
func checkSignedHeaders(r *Request, signedHeaders string) error {
	hostSigned, amzSigned, previous := false, 0, ""
	for name := range strings.SplitSeq(signedHeaders, ";") {
		if name <= previous || len(name) > maxHeaderName || !lowerCase(name) {
			return malformedSignedHeaders()
		}
		previous = name
		if name == hostName {
			hostSigned = true
			continue
		}
		values := lookup(r.Header, name)
		if len(values) == 0 {
			return signedButAbsent(name)
		}
		if hasAmzPrefix(name) {
			amzSigned++
		} else if name != contentType {
			continue
		}
		// Several values are signed as one, joined by commas; whoever reads the
		// header later takes the first. These headers have one value at AWS.
		if len(values) > 1 {
			return repeatedHeader(name)
		}
	}
	if !hostSigned {
		return hostNotSigned()
	}
	// The signed names are distinct and all there, so that equal numbers mean
	// that no other X-Amz-… header is.
	if amzSigned != countAmz(r.Header) {
		return notSigned(firstUnsigned(r.Header, signedHeaders))
	}
	return nil
}

// countAmz counts the X-Amz-… headers.
func countAmz(header map[string][]string) int {
	n := 0
	for key := range header {
		if hasAmzPrefix(key) {
			n++
		}
	}
	return n
}

// firstUnsigned names an X-Amz-… header that is not in the list, the first in
// order of their names.
func firstUnsigned(header map[string][]string, signedHeaders string) string {
	signed := map[string]bool{}
	for name := range strings.SplitSeq(signedHeaders, ";") {
		signed[string(appendKey(nil, name))] = true
	}
	var unsigned []string
	for key := range header {
		if hasAmzPrefix(key) && !signed[key] {
			unsigned = append(unsigned, key)
		}
	}
	return slices.Min(unsigned)
}

// lookup finds a header by its lower-case name, without allocating.
func lookup(header map[string][]string, name string) []string {
	var stack [maxHeaderName]byte
	return header[string(appendKey(stack[:0], name))]
}

// appendKey appends the canonical MIME key of a lower-case name.
func appendKey(b []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		b = append(b, c)
		upper = c == '-'
	}
	return b
}

func hasAmzPrefix(key string) bool {
	return len(key) >= len(amzPrefix) && strings.EqualFold(key[:len(amzPrefix)], amzPrefix)
}

func lowerCase(name string) bool {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return false
		}
	}
	return true
}
