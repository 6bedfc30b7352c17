// Package query owns the AWS Query protocol as bytes: a request's form-encoded
// parameters, read strictly and checked against AWS's constraints, and answers
// and errors as XML. IAM and STS speak it.
//
// It is pure: it must never know HTTP's types, the store or an operation. A
// parameter that an operation does not ask for is refused, none is ignored;
// what it reads is also what the audit record shows, but for what is hidden.
// The pipeline, internal/call and the operations may import it.
//
// It follows the protocol as AWS's public service models and clients have it:
// lists are Name.member.N, from 1 and without gaps, structures Name.Member.
package query

import (
	"strings"
	"unicode/utf8"

	"trent/internal/apierr"
)

// Bounds of a request.
const (
	// MaxBody holds a policy document of the model's length, every byte of it
	// percent-encoded, and the other parameters.
	MaxBody = 512 << 10
	// maxParams is several times what any operation has.
	maxParams = 1000
	maxName   = 256
)

// MediaType is the one that requests have.
const MediaType = "application/x-www-form-urlencoded"

// ContentType is that of answers.
const ContentType = "text/xml"

// Params are the parameters of a request. No name stands twice.
type Params struct {
	values map[string]string
	used   map[string]bool
}

// Parse reads a body. Every error is MalformedQueryString, ready for the client.
func Parse(body []byte) (*Params, error) {
	p := &Params{values: map[string]string{}, used: map[string]bool{}}
	if len(body) == 0 {
		return p, nil
	}
	for pair := range strings.SplitSeq(string(body), "&") {
		if len(p.values) == maxParams {
			return nil, malformed("The request has more than %d parameters.", maxParams)
		}
		rawName, rawValue, found := strings.Cut(pair, "=")
		name, ok := decode(rawName)
		value, fine := decode(rawValue)
		switch {
		case !found || !ok || !fine:
			return nil, malformed("The query string contains a syntax error.")
		case name == "" || len(name) > maxName:
			return nil, malformed("A parameter's name must have 1 to %d bytes.", maxName)
		}
		if _, twice := p.values[name]; twice {
			return nil, malformed("The parameter %s is given more than once.", printable(name))
		}
		p.values[name] = value
	}
	return p, nil
}

func malformed(format string, args ...any) error {
	return apierr.New(apierr.MalformedQueryString, format, args...)
}

// Take returns a parameter, once it is known to everybody, such as Action.
func (p *Params) Take(name string) string {
	p.used[name] = true
	return p.values[name]
}

// decode undoes percent-encoding. What is not UTF-8 or not encoded properly is
// refused.
func decode(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, utf8.ValidString(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			high, low := unhex(s[i+1]), unhex(s[i+2])
			if high > 15 || low > 15 {
				return "", false
			}
			b = append(b, high<<4|low)
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b), utf8.Valid(b)
}

// unhex returns a hex digit's value, 255 for what is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// printable is a name of a client's as messages show it.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}
