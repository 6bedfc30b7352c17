package evidence

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// visible shows, on their way to a page, characters that cannot be seen but change
// what is: those that turn the direction of text, join, hide or control it.
type visible struct{ w io.Writer }

func (v visible) Write(b []byte) (int, error) {
	written := 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if hidden(r) {
			if _, err := v.w.Write(b[written:i]); err != nil {
				return written, err
			}
			if _, err := fmt.Fprintf(v.w, "[U+%04X]", r); err != nil {
				return i, err
			}
			written = i + size
		}
		i += size
	}
	if _, err := v.w.Write(b[written:]); err != nil {
		return written, err
	}
	return len(b), nil
}

// hidden reports whether a character is not seen itself. Ends of lines and tabs are
// the page's own too.
func hidden(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}
