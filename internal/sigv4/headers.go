package sigv4

import "strings"

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
	hostSigned, previous := false, ""
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
		if len(values) > 1 && name == contentType {
			return repeatedHeader(name)
		}
	}
	if !hostSigned {
		return hostNotSigned()
	}
	for key, values := range r.Header {
		if !hasAmzPrefix(key) {
			continue
		}
		// Two values are signed as one, joined by a comma; whoever reads the
		// header later takes the first. None of AWS's headers may be repeated.
		if len(values) != 1 {
			return repeatedHeader(key)
		}
		if !isSigned(signedHeaders, key) {
			return notSigned(key)
		}
	}
	return nil
}

// lookup finds a header by its lower-case name, without allocating.
func lookup(header map[string][]string, name string) []string {
	var stack [maxHeaderName]byte
	key := append(stack[:0], name...)
	upper := true
	for i, c := range key {
		if upper && c >= 'a' && c <= 'z' {
			key[i] = c - 'a' + 'A'
		}
		upper = c == '-'
	}
	return header[string(key)]
}

// isSigned reports whether the header with that key, of any case, is in the list.
func isSigned(signedHeaders, key string) bool {
	for name := range strings.SplitSeq(signedHeaders, ";") {
		if len(name) == len(key) && strings.EqualFold(name, key) {
			return true
		}
	}
	return false
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
