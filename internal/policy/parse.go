package policy

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/awsjson"
)

// Parse reads a policy document. It takes no element that the language does
// not have, none twice, and no null: what is not understood could be what
// restricts the policy. Errors are *Error.
func Parse(text string) (*Document, error) {
	p := &parser{Scanner: awsjson.NewScanner([]byte(text))}
	d := p.document()
	if p.err != nil {
		return nil, p.err
	}
	if err := p.End(); err != nil {
		return nil, &Error{"This policy contains invalid Json: " + strings.TrimPrefix(err.Error(), "awsjson: ")}
	}
	return d, nil
}

// MaxWildcards is how many "*" and "?" the patterns of a document may have
// together: more than the longest policy that names all its patterns needs.
const MaxWildcards = 4096

// parser reads with a Scanner, whose error is that of JSON. err is that of the
// language.
type parser struct {
	awsjson.Scanner
	err       error
	wildcards int
	// named, if it is set, is told each principal of an account, and where in the
	// text it stands with its quotes.
	named func(name string, start, end int)
}

// refuse keeps the first error of the language. After one of JSON nothing that
// was read means anything.
func (p *parser) refuse(format string, args ...any) {
	if p.err == nil && p.Err() == nil {
		p.err = &Error{fmt.Sprintf(format, args...)}
	}
}

// object reads an object's members until one is refused.
func (p *parser) object(member func(name string)) {
	var o awsjson.Object
	for p.err == nil && p.Entry(&o) {
		member(string(o.Name()))
	}
}

// unknown refuses a member, which is still to be read.
func (p *parser) unknown(name, of string) {
	p.refuse("Syntax error: %s has no element %s", of, quoted(name))
}

func (p *parser) document() *Document {
	d := &Document{}
	found := false
	p.object(func(name string) {
		switch name {
		case "Version":
			d.Version = p.String()
			if d.Version != Version2008 && d.Version != Version2012 {
				p.refuse("Policy document must be version %s or %s", Version2012, Version2008)
			}
		case "Id":
			d.ID = p.String()
		case "Statement":
			found = true
			p.each(func() { d.Statements = append(d.Statements, p.statement()) })
		default:
			p.unknown(name, "a policy")
		}
	})
	switch {
	case !found:
		p.refuse(missingField + "Statement")
	case len(d.Statements) == 0:
		p.refuse("Could not parse the policy: Statement is empty!")
	}
	return d
}

// each reads one value, or a list of them.
func (p *parser) each(value func()) {
	if p.Peek() != '[' {
		value()
		return
	}
	var a awsjson.Array
	for p.err == nil && p.Element(&a) {
		value()
	}
}

// strings reads a string or a list of strings.
func (p *parser) strings() []string {
	list := []string{}
	p.each(func() { list = append(list, p.pattern()) })
	return list
}

// names reads what strings does, and tells where.
func (p *parser) names() []string {
	list := []string{}
	p.each(func() {
		p.Peek() // white space is none of it
		start := p.Offset()
		list = append(list, p.pattern())
		if p.named != nil {
			p.named(list[len(list)-1], start, p.Offset())
		}
	})
	return list
}

// pattern reads a string that may be a pattern.
func (p *parser) pattern() string {
	s := p.String()
	p.wildcards += strings.Count(s, "*") + strings.Count(s, "?")
	if p.wildcards > MaxWildcards {
		p.refuse("The policy has more than %d wildcards", MaxWildcards)
	}
	return s
}

func (p *parser) statement() (s Statement) {
	p.object(func(name string) {
		switch name {
		case "Sid":
			s.SID = p.String()
		case "Effect":
			s.Effect = Effect(p.String())
			if s.Effect != Allow && s.Effect != Deny {
				p.refuse("Invalid effect: %s", quoted(string(s.Effect)))
			}
		case "Principal":
			s.Principal = p.principals()
		case "NotPrincipal":
			s.NotPrincipal = p.principals()
		case "Action":
			s.Action = p.strings()
		case "NotAction":
			s.NotAction = p.strings()
		case "Resource":
			s.Resource = p.strings()
		case "NotResource":
			s.NotResource = p.strings()
		case "Condition":
			s.Condition = p.conditions()
		default:
			p.unknown(name, "a statement")
		}
	})
	if s.Effect == "" {
		p.refuse(missingField + "Effect")
	}
	for _, both := range [...]struct {
		is   bool
		name string
	}{
		{s.Principal != nil && s.NotPrincipal != nil, "Principal"},
		{s.Action != nil && s.NotAction != nil, "Action"},
		{s.Resource != nil && s.NotResource != nil, "Resource"},
	} {
		if both.is {
			p.refuse("Syntax error: a statement cannot have both %s and Not%[1]s", both.name)
		}
	}
	return s
}

func (p *parser) principals() *Principals {
	all := &Principals{}
	if p.Peek() == '"' {
		if p.String() != "*" {
			p.refuse(invalidPrincipals)
		}
		all.Everyone = true
		return all
	}
	p.object(func(kind string) {
		switch kind {
		case "AWS":
			all.AWS = p.names()
		case "Service":
			all.Service = p.strings()
		case "Federated":
			all.Federated = p.strings()
		case "CanonicalUser":
			all.CanonicalUser = p.strings()
		default:
			p.refuse(invalidPrincipals)
		}
	})
	return all
}

// conditions reads the tests of a statement: operator, key, values. A statement
// that has the element but no test in it has no conditions.
func (p *parser) conditions() (all []Condition) {
	p.object(func(operator string) {
		c, ok := parseOperator(operator)
		if !ok {
			p.refuse("Invalid Condition type : %s", quoted(operator))
		}
		p.object(func(key string) {
			c.Key, c.Values = key, []string{}
			p.each(func() { c.Values = append(c.Values, p.conditionValue()) })
			p.checkCondition(c)
			all = append(all, c)
		})
	})
	slices.SortFunc(all, func(a, b Condition) int {
		if n := strings.Compare(a.Name(), b.Name()); n != 0 {
			return n
		}
		return strings.Compare(a.Key, b.Key)
	})
	return all
}

// conditionValue reads a string, a number or a boolean.
func (p *parser) conditionValue() string {
	switch c := p.Peek(); {
	case c == 't' || c == 'f':
		if p.Bool() {
			return "true"
		}
		return "false"
	case c == '-' || c >= '0' && c <= '9':
		return p.Number()
	}
	return p.pattern()
}
