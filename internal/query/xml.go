package query

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// XML is an answer in the making. Its zero value is ready; elements are written
// in the order of the calls.
type XML struct{ b []byte }

// NewXML returns an answer that is appended to dst.
func NewXML(dst []byte) *XML { return &XML{dst} }

// Bytes returns what was written.
func (x *XML) Bytes() []byte { return x.b }

// Len and Cut undo: Cut takes back all that was written since Len was asked.
func (x *XML) Len() int { return len(x.b) }

// Cut wipes what was written after the first n bytes.
func (x *XML) Cut(n int) {
	clear(x.b[n:])
	x.b = x.b[:n]
}

// Open begins an element.
func (x *XML) Open(name string) {
	x.b = append(append(append(x.b, '<'), name...), '>')
}

// Close ends an element.
func (x *XML) Close(name string) {
	x.b = append(append(append(x.b, '<', '/'), name...), '>')
}

// Root begins the outermost element.
func (x *XML) Root(name, namespace string) {
	x.b = append(append(append(x.b, '<'), name...), ` xmlns="`...)
	x.b = append(append(x.b, namespace...), '"', '>')
}

// Text writes an element that holds a string.
func (x *XML) Text(name, value string) {
	x.Open(name)
	x.b = appendText(x.b, value)
	x.Close(name)
}

// Optional writes an element that is absent if it is empty.
func (x *XML) Optional(name, value string) {
	if value != "" {
		x.Text(name, value)
	}
}

// Secret writes bytes that need no escaping, without making a string of them.
func (x *XML) Secret(name string, value []byte) {
	x.Open(name)
	x.b = append(x.b, value...)
	x.Close(name)
}

// Bool writes true or false.
func (x *XML) Bool(name string, value bool) { x.Text(name, strconv.FormatBool(value)) }

// Int writes a number.
func (x *XML) Int(name string, value int) { x.Text(name, strconv.Itoa(value)) }

// Time writes a point in time, in whole seconds.
func (x *XML) Time(name string, value time.Time) {
	x.Text(name, value.UTC().Format("2006-01-02T15:04:05Z"))
}

// Document writes a policy document: percent-encoded, as IAM's answers have it.
func (x *XML) Document(name, value string) {
	const digits = "0123456789ABCDEF"
	x.Open(name)
	for i := range len(value) {
		switch c := value[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			x.b = append(x.b, c)
		default:
			x.b = append(x.b, '%', digits[c>>4], digits[c&15])
		}
	}
	x.Close(name)
}

// appendText escapes what XML wants escaped. A character that XML 1.0 cannot
// hold becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r': // a parser would make a line feed of it
			dst = append(dst, "&#xD;"...)
		case !inXML(r) || r == utf8.RuneError && size == 1:
			dst = append(dst, "\ufffd"...)
		default:
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	return dst
}

// inXML is the production Char of XML 1.0.
func inXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xd7ff || 0xe000 <= r && r <= 0xfffd || r >= 0x10000
}
