package awsjson

import "bytes"

// inlineNames is how many member names an Object keeps without a map; AWS's
// largest request has eleven members.
const inlineNames = 12

// Object is the state of reading one JSON object. Its zero value stands
// before the opening brace.
type Object struct {
	open bool
	name []byte
	n    int
	seen [inlineNames][]byte
	more map[string]struct{} // names beyond the first inlineNames
}

// Name is the member's name, decoded. It is valid until the next call of
// Member or Entry.
func (o *Object) Name() []byte { return o.name }

// Member moves to the value of the next member that is not null. It returns
// false at the end of the object, which it consumes, and after an error. The
// caller reads or skips the value before the next call.
func (s *Scanner) Member(o *Object) bool {
	for s.next(o) {
		if !s.literal("null") {
			return true
		}
	}
	return false
}

// Entry is Member for documents in which null is a value like others, or none
// at all: it does not skip a member that is null.
func (s *Scanner) Entry(o *Object) bool { return s.next(o) }

// next moves to the value of the next member, null or not.
func (s *Scanner) next(o *Object) bool {
	if !o.open {
		if !s.enter('{', "expected an object") {
			return false
		}
		o.open = true
		if s.peek() == '}' {
			s.leave()
			return false
		}
		return s.nextName(o)
	}
	switch s.peek() {
	case ',':
		s.pos++
		return s.nextName(o)
	case '}':
		s.leave()
	default:
		s.fail("expected a comma or the end of the object")
	}
	return false
}

// nextName reads a member's name and the colon.
func (s *Scanner) nextName(o *Object) bool {
	s.space()
	at := s.pos
	o.name = s.text("expected a member name")
	if s.err != nil || !s.take(':', "expected a colon") {
		return false
	}
	if !o.add(o.name) {
		s.failAt(at, "duplicate member")
		return false
	}
	return true
}

// add remembers a name; it is false if the name was there.
func (o *Object) add(name []byte) bool {
	for _, seen := range o.seen[:o.n] {
		if bytes.Equal(seen, name) {
			return false
		}
	}
	if o.n < inlineNames {
		o.seen[o.n] = name
		o.n++
		return true
	}
	if _, ok := o.more[string(name)]; ok {
		return false
	}
	if o.more == nil {
		o.more = make(map[string]struct{})
	}
	o.more[string(name)] = struct{}{}
	return true
}

// Array is the state of reading one JSON list. Its zero value stands before
// the opening bracket.
type Array struct{ open bool }

// Element moves to the next element. It returns false at the end of the list,
// which it consumes, and after an error; a null element is an error. The
// caller reads or skips the element before the next call.
func (s *Scanner) Element(a *Array) bool {
	if !s.nextElement(a) {
		return false
	}
	if s.peek() == 'n' {
		s.fail("null in a list")
		return false
	}
	return true
}

// nextElement moves to the next element, null or not.
func (s *Scanner) nextElement(a *Array) bool {
	if !a.open {
		if !s.enter('[', "expected a list") {
			return false
		}
		a.open = true
		if s.peek() == ']' {
			s.leave()
			return false
		}
		return s.err == nil
	}
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case ']':
		s.leave()
	default:
		s.fail("expected a comma or the end of the list")
	}
	return false
}

// enter consumes an opening bracket of either kind.
func (s *Scanner) enter(c byte, reason string) bool {
	if !s.take(c, reason) {
		return false
	}
	s.depth++
	if s.depth > MaxDepth {
		s.failAt(s.pos-1, "nested too deeply")
		return false
	}
	return true
}

// leave consumes the closing bracket that peek saw.
func (s *Scanner) leave() {
	s.pos++
	s.depth--
}

// Skip reads a value of any kind and checks it as strictly as any other.
func (s *Scanner) Skip() {
	switch c := s.peek(); c {
	case '{':
		var o Object
		for s.next(&o) {
			s.Skip()
		}
	case '[':
		var a Array
		for s.nextElement(&a) {
			s.Skip()
		}
	case '"':
		s.raw("expected a string")
	case 't', 'f':
		s.Bool()
	case 'n':
		if !s.literal("null") {
			s.fail("expected a value")
		}
	default:
		if c == '-' || isDigit(c) {
			s.number()
			return
		}
		s.fail("expected a value")
	}
}
