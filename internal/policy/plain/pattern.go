package plain

import (
	"regexp"
	"strings"

	"trent/internal/policy"
)

// char is one character of a pattern.
type char struct {
	text   string
	wild   bool // "*" or "?" that is a wildcard
	inside bool // a wildcard that stops at colons
}

// literal is a pattern without variables.
func literal(text string) []char {
	var all []char
	for _, c := range text {
		all = append(all, char{text: string(c), wild: c == '*' || c == '?'})
	}
	return all
}

// plainText is a pattern where no wildcards are.
func plainText(pattern []char) string {
	var text strings.Builder
	for _, c := range pattern {
		text.WriteString(c.text)
	}
	return text.String()
}

// glob reports whether a text matches a pattern in which "*" stands for any
// characters and "?" for one.
func glob(pattern []char, text string) bool { return match(pattern, []rune(text)) }

func match(pattern []char, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	c, rest := pattern[0], pattern[1:]
	stops := func(n int) bool { return n == len(text) || c.inside && text[n] == ':' }
	if c.wild && c.text == "*" {
		for n := 0; ; n++ {
			if match(rest, text[n:]) {
				return true
			}
			if stops(n) {
				return false
			}
		}
	}
	if c.wild {
		return !stops(0) && match(rest, text[1:])
	}
	return len(text) > 0 && string(text[0]) == c.text && match(rest, text[1:])
}

// variable is ${key}, ${key, 'default'}, or ${*}, ${?}, ${$} for the characters
// themselves. What does not close is no variable.
var variable = regexp.MustCompile(`(?s)\$\{([^}]*)\}`)

// withDefault is what stands in the braces of a variable with a default.
var withDefault = regexp.MustCompile(`(?s)^([^,]*), '(.*)'$`)

// expand puts values in the place of variables; they are no patterns. A
// variable without a value equals nothing, and is like nothing.
func expand(pattern string, context policy.Context) (expanded []char, ok bool) {
	for {
		at := variable.FindStringSubmatchIndex(pattern)
		if at == nil {
			return append(expanded, literal(pattern)...), true
		}
		expanded = append(expanded, literal(pattern[:at[0]])...)
		name := pattern[at[2]:at[3]]
		pattern = pattern[at[1]:]
		value, found := resolve(name, context)
		if !found {
			return nil, false
		}
		for _, c := range value {
			expanded = append(expanded, char{text: string(c)})
		}
	}
}

// resolve is the value of what stands in a variable's braces.
func resolve(name string, context policy.Context) (value string, ok bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	parts := withDefault.FindStringSubmatch(name)
	if parts != nil {
		name = parts[1]
	}
	v := context.Values(strings.ToLower(name))
	if v.Present && !v.Multi {
		return v.One, true
	}
	if parts != nil {
		return parts[2], true
	}
	return "", false
}
