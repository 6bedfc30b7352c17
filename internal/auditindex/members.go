package auditindex

import "bytes"

// A walk goes over the members of a record, from left to right, and makes
// nothing of them: a record has two dozen, of which an index needs a dozen, and
// most of those are as they were in another record. It takes what the service
// writes, JSON without members twice; at anything else it ends, or what it
// returns is as odd as that.
type walk struct {
	json  []byte
	at    int
	begun bool
}

// A member is one of a record's: its name without quotes, its value, and both
// with what is between.
type member struct{ name, value, raw []byte }

// null reports whether the member stands for none.
func (m *member) null() bool { return string(m.value) == "null" }

// before is what stands before the next member.
func (w *walk) before() byte {
	if w.begun {
		return ','
	}
	return '{'
}

// next returns the next member.
func (w *walk) next() (m member, ok bool) {
	if !w.takes(w.before()) {
		return m, false
	}
	w.begun = true
	w.space()
	begin := w.at
	end := stringEnd(w.json, begin)
	if end < 0 {
		return m, false
	}
	w.at = end
	if !w.takes(':') {
		return m, false
	}
	w.space()
	value := w.at
	if w.at = valueEnd(w.json, value); w.at < 0 {
		w.at = len(w.json)
		return m, false
	}
	return member{name: w.json[begin+1 : end-1], value: w.json[value:w.at], raw: w.json[begin:w.at]}, true
}

// is passes over the next member if it is this one, byte by byte: the raw bytes
// of a member of another record.
func (w *walk) is(raw []byte) bool {
	if len(raw) == 0 || w.at >= len(w.json) || w.json[w.at] != w.before() || !bytes.HasPrefix(w.json[w.at+1:], raw) {
		return false
	}
	end := w.at + 1 + len(raw)
	if end == len(w.json) || w.json[end] != ',' && w.json[end] != '}' {
		return false // it goes on
	}
	w.at, w.begun = end, true
	return true
}

// takes passes over a byte, with spaces before it; false if it is another.
func (w *walk) takes(c byte) bool {
	w.space()
	if w.at >= len(w.json) || w.json[w.at] != c {
		return false
	}
	w.at++
	return true
}

func (w *walk) space() {
	for w.at < len(w.json) && isSpace(w.json[w.at]) {
		w.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// stringEnd is where the string that begins at an offset ends; -1 if there is
// none, or it does not end.
func stringEnd(b []byte, at int) int {
	if at >= len(b) || b[at] != '"' {
		return -1
	}
	for at++; ; {
		quote := bytes.IndexByte(b[at:], '"')
		if quote < 0 {
			return -1
		}
		end := at + quote
		slashes := end
		for slashes > at && b[slashes-1] == '\\' {
			slashes--
		}
		if (end-slashes)%2 == 0 {
			return end + 1
		}
		at = end + 1
	}
}

// valueEnd is where the value that begins at an offset ends; -1 if it does not.
func valueEnd(b []byte, at int) int {
	if at >= len(b) {
		return -1
	}
	switch b[at] {
	case '"':
		return stringEnd(b, at)
	case '{', '[':
		return nestedEnd(b, at)
	}
	for at < len(b) && b[at] != ',' && b[at] != '}' && b[at] != ']' && !isSpace(b[at]) {
		at++
	}
	return at
}

// nestedEnd is where the object or array ends. It counts braces and brackets
// outside of strings, and does not tell them apart.
func nestedEnd(b []byte, at int) int {
	for depth := 0; at < len(b); {
		switch b[at] {
		case '"':
			if at = stringEnd(b, at); at < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return -1
}
