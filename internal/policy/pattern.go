package policy

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards and policy variables, compiled.
type pattern struct {
	form      form
	text      string // of exact and prefix
	tokens    []token
	variables []variable
}

// form is the cheapest way to match a pattern.
type form uint8

const (
	exact  form = iota // the text itself
	prefix             // what begins with the text
	whole              // everything
	glob               // tokens
	never              // nothing: a variable stands where none can
)

// token is a part of a pattern.
type token struct {
	kind kind
	text string // of a literal
	n    int    // of a variable: which
}

type kind uint8

const (
	literal    kind = iota
	value           // of a variable
	one             // ?
	many            // *
	oneInside       // ? that matches no colon
	manyInside      // * that matches no colon
)

// variable is a policy variable: a condition key, and what stands for a key
// without a value.
type variable struct {
	key        string // in lower case
	fallback   string
	hasDefault bool
}

// syntax says what the characters of a pattern mean.
type syntax uint8

const (
	asValue    syntax = iota // no wildcards
	asText                   // wildcards match anything
	asARN                    // in the six parts of an ARN each, as ArnLike has it
	asResource               // so, but a * that ends its part matches beyond it too
)

// compiler takes a text apart.
type compiler struct {
	pattern
	as      syntax
	pending []byte // a literal that goes on
	colons  int
}

// compilePattern compiles a text. Without variables, ${…} is text.
func compilePattern(text string, as syntax, variables bool) pattern {
	c := compiler{as: as}
	for len(text) > 0 {
		length := 1
		switch char := text[0]; {
		case char == '$' && variables && strings.HasPrefix(text, "${"):
			if length = strings.IndexByte(text, '}') + 1; length == 0 {
				variables = false // nor do any follow
				continue
			}
			if !c.variable(text[len("${") : length-1]) {
				return pattern{form: never}
			}
		case char == '*' && as != asValue:
			length = len(text) - len(strings.TrimLeft(text, "*"))
			ends := length == len(text) || text[length] == ':'
			c.wildcard(many, manyInside, c.inside() && (as == asARN || !ends))
		case char == '?' && as != asValue:
			c.wildcard(one, oneInside, c.inside())
		default:
			c.pending = append(c.pending, char)
			if char == ':' {
				c.colons++
			}
		}
		text = text[length:]
	}
	c.flush()
	c.simplify()
	return c.pattern
}

// inside reports whether the parts of an ARN matter, of which the sixth is the
// last: colons in it are characters like others.
func (c *compiler) inside() bool {
	const parts = 6
	return (c.as == asARN || c.as == asResource) && c.colons < parts-1
}

// flush ends a literal.
func (c *compiler) flush() {
	if len(c.pending) > 0 {
		c.tokens = append(c.tokens, token{kind: literal, text: string(c.pending)})
		c.pending = c.pending[:0]
	}
}

func (c *compiler) wildcard(anywhere, inside kind, isInside bool) {
	c.flush()
	if isInside {
		anywhere = inside
	}
	c.tokens = append(c.tokens, token{kind: anywhere})
}

// variable adds what stands in ${…}. It reports whether a variable can stand
// here: in a resource, behind the fifth colon.
func (c *compiler) variable(name string) bool {
	switch name {
	case "*", "?", "$":
		c.pending = append(c.pending, name...)
		return true
	}
	c.flush()
	c.tokens = append(c.tokens, token{kind: value, n: len(c.variables)})
	c.variables = append(c.variables, parseVariable(name))
	return c.as != asResource || !c.inside()
}

// parseVariable reads what stands in ${…}: a key, or a key, a comma, a space
// and a default in single quotes.
func parseVariable(name string) variable {
	if key, rest, found := strings.Cut(name, ", '"); found && strings.HasSuffix(rest, "'") {
		return variable{key: Fold(key), fallback: strings.TrimSuffix(rest, "'"), hasDefault: true}
	}
	return variable{key: Fold(name)}
}

// simplify finds the cheapest form.
func (p *pattern) simplify() {
	t := p.tokens
	switch {
	case len(t) == 0:
		p.form = exact
	case len(t) == 1 && t[0].kind == literal:
		p.form, p.text = exact, t[0].text
	case len(t) == 1 && t[0].kind == many:
		p.form = whole
	case len(t) == 2 && t[0].kind == literal && t[1].kind == many:
		p.form, p.text = prefix, t[0].text
	default:
		p.form = glob
		return
	}
	p.tokens = nil
}

// patterns are the alternatives of a list.
type patterns []pattern

// Matches reports whether text matches a pattern of the language: "*" stands for
// any characters, "?" for one. Their case counts.
func Matches(pattern, text string) bool {
	p := compilePattern(pattern, asText, false)
	return p.match(&Request{}, text)
}

// match reports whether text matches one of the list. A pattern whose variable
// has no value matches nothing.
func (p patterns) match(r *Request, text string) bool {
	for i := range p {
		if p[i].match(r, text) {
			return true
		}
	}
	return false
}

// matchFold is match without regard to case, of patterns without wildcards.
func (p patterns) matchFold(r *Request, text string) bool {
	for i := range p {
		want, ok := p[i].expand(r)
		if ok && r.spend(cost(len(want))) && strings.EqualFold(want, text) {
			return true
		}
	}
	return false
}

// expand puts a pattern without wildcards together.
func (p *pattern) expand(r *Request) (string, bool) {
	if p.form != glob {
		return p.text, p.form == exact
	}
	var b strings.Builder
	for _, t := range p.tokens {
		text := t.text
		if t.kind == value {
			var ok bool
			if text, ok = p.variables[t.n].resolve(r); !ok {
				return "", false
			}
		}
		if !r.spend(cost(len(text))) {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// resolve returns the value of a variable: of a key with one value, or the
// default.
func (v *variable) resolve(r *Request) (string, bool) {
	if found := r.values(v.key); found.Present && !found.Multi {
		return found.One, true
	}
	return v.fallback, v.hasDefault
}

// cost is the steps of comparing with a text of the length, of which processors
// compare sixteen bytes at once.
func cost(length int) int { return 1 + length>>4 }

// match reports whether text matches the pattern.
func (p *pattern) match(r *Request, text string) bool {
	if !r.spend(cost(len(p.text))) {
		return false
	}
	switch p.form {
	case exact:
		return text == p.text
	case prefix:
		return strings.HasPrefix(text, p.text)
	case whole:
		return true
	case never:
		return false
	}
	var few [4]string
	values := few[:0]
	for i := range p.variables {
		v, ok := p.variables[i].resolve(r)
		if !ok {
			return false
		}
		values = append(values, v)
	}
	return r.glob(p.tokens, values, text)
}

// matchesAction reports whether an action matches a pattern with wildcards; both
// are in lower case.
func (p *pattern) matchesAction(r *Request, action []byte) bool {
	switch p.form {
	case prefix:
		return len(action) >= len(p.text) && string(action[:len(p.text)]) == p.text
	case whole:
		return true
	}
	return r.glob(p.tokens, nil, string(action))
}

// glob matches a text with tokens. Of the wildcards it has passed it goes back
// to the last only: what an earlier * could match otherwise, the last one can
// match as well. Only a * that stops at colons cannot, and gives way to the last
// * before it that does not.
func (r *Request) glob(tokens []token, values []string, text string) bool {
	i, at := 0, 0
	star, starEnd := -1, 0     // the token behind the last *, and where what that * matched ends
	inside, insideEnd := -1, 0 // so of the last * behind it that stops at colons
	for r.spend(1) {
		switch {
		case i == len(tokens):
			if at == len(text) {
				return true
			}
		case tokens[i].kind == manyInside:
			i++
			inside, insideEnd = i, at
			continue
		case tokens[i].kind == many:
			ahead := r.seek(tokens[i+1:], text[at:])
			if ahead < 0 {
				return false
			}
			i, at = i+1, at+ahead
			star, starEnd, inside = i, at, -1
			continue
		default:
			if length, ok := r.part(&tokens[i], values, text[at:]); ok {
				i, at = i+1, at+length
				continue
			}
		}
		switch {
		case inside >= 0 && insideEnd < len(text) && text[insideEnd] != ':':
			insideEnd += runeLength(text[insideEnd:])
			i, at = inside, insideEnd
		case star >= 0 && starEnd < len(text):
			starEnd += runeLength(text[starEnd:])
			ahead := r.seek(tokens[star:], text[starEnd:])
			if ahead < 0 {
				return false
			}
			starEnd += ahead
			i, at, inside = star, starEnd, -1
		default:
			return false
		}
	}
	return false
}

// seek is what a * before the tokens matches at least; negative if they match
// nowhere in the text.
func (r *Request) seek(tokens []token, text string) int {
	if len(tokens) == 0 {
		return len(text)
	}
	if tokens[0].kind != literal {
		return 0
	}
	want := tokens[0].text
	ahead := strings.Index(text, want)
	passed := ahead
	if ahead < 0 {
		passed = len(text)
	}
	if !r.spend(cost(passed + len(want))) {
		return -1
	}
	return ahead
}

// part matches the beginning of a text with a token that has one length.
func (r *Request) part(t *token, values []string, text string) (length int, ok bool) {
	want := t.text
	switch t.kind {
	case one, oneInside:
		if text == "" || t.kind == oneInside && text[0] == ':' {
			return 0, false
		}
		return runeLength(text), true
	case value:
		want = values[t.n]
	}
	return len(want), r.spend(cost(len(want))) && strings.HasPrefix(text, want)
}

// runeLength is the length of the first character of a text that is not empty;
// a byte that belongs to none counts as one.
func runeLength(text string) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, length := utf8.DecodeRuneInString(text)
	return length
}
