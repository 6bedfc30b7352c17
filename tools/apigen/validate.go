package main

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
)

// emitPatterns prints the patterns that requests use and a matcher for each.
func emitPatterns(p *printer, m *model) {
	for _, name := range m.reach(m.inputs()) {
		s := m.Shapes[name]
		if s == nil || s.Pattern == "" {
			continue
		}
		p.f("const pattern%s = %s\n", name, goString(s.Pattern))
		if class, lo, hi, ok := parseClass(s.Pattern); ok {
			p.f("func match%s(v string) bool { return matchClass(v, class{%#x, %#x, %#x, %#x}, %d, %d) }\n", name, class[0], class[1], class[2], class[3], lo, hi)
			continue
		}
		p.f("var regexp%s = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\A(?:` + pattern%s + `)\\z`) })\n", name, name)
		p.f("func match%s(v string) bool { return regexp%s().MatchString(v) }\n", name, name)
	}
}

// goString is a string literal, raw where possible: patterns are read by people.
func goString(v string) string {
	if strings.Contains(v, "`") {
		return strconv.Quote(v)
	}
	return "`" + v + "`"
}

// javaEscapes rewrites what Java's patterns write otherwise than Go's: \uXXXX,
// and \s, which in Java includes the vertical tab.
var javaEscapes = strings.NewReplacer(`\u`, `\x{`, `\s`, `\t\n\v\f\r `)

// parseClass reads a pattern that is one character class with a repetition:
// the set of its characters, all below 256, and how often one may stand.
func parseClass(pattern string) (set [4]uint64, lo, hi int, ok bool) {
	body := strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	body = closeBraces(javaEscapes.Replace(body))
	re, err := syntax.Parse(body, syntax.Perl)
	if err != nil {
		return set, 0, 0, false
	}
	lo, hi = 1, -1
	switch re.Op {
	case syntax.OpPlus:
	case syntax.OpStar:
		lo = 0
	case syntax.OpRepeat:
		lo, hi = re.Min, re.Max
	default:
		return set, 0, 0, false
	}
	sub := re.Sub[0]
	if sub.Op != syntax.OpCharClass || sub.Rune[len(sub.Rune)-1] > 255 {
		return set, 0, 0, false
	}
	for i := 0; i < len(sub.Rune); i += 2 {
		for r := sub.Rune[i]; r <= sub.Rune[i+1]; r++ {
			set[r>>6] |= 1 << (r & 63)
		}
	}
	return set, lo, hi, true
}

// closeBraces turns \x{0020 into \x{0020}.
func closeBraces(v string) string {
	parts := strings.Split(v, `\x{`)
	for i := 1; i < len(parts); i++ {
		parts[i] = parts[i][:4] + "}" + parts[i][4:]
	}
	return strings.Join(parts, `\x{`)
}

// emitValidate prints Validate of every request, with all constraints in the
// model's order.
func emitValidate(p *printer, m *model) {
	for _, op := range m.Operations {
		p.f("// Validate returns a *ValidationError with every constraint of the model that\n// the request violates, or nil.")
		p.f("func (r *%sRequest) Validate() error {\nvar v violations", op.Name)
		for _, mb := range op.Input {
			validateMember(p, m, mb, op.Name+mb.Name, "nil")
		}
		p.f("return v.err()\n}\n")
	}
	for _, name := range m.reach(m.inputs()) {
		if m.Structures[name] == nil {
			continue
		}
		p.f("func (r *%s) validate(v *violations, p *path) {", name)
		for _, mb := range m.Structures[name] {
			validateMember(p, m, mb, name+mb.Name, "p")
		}
		p.f("}\n")
	}
}

// validateMember prints the checks of one member. bit is its constant, path
// the expression of the path that it stands under.
func validateMember(p *printer, m *model, mb *member, bit, path string) {
	var checks printer
	m.checks(&checks, mb, path)
	name := lowerCamel(mb.Name)
	null := fmt.Sprintf("v.null(%s, %q)", path, name)
	if mb.shape != nil && mb.shape.hidden() {
		null = fmt.Sprintf("v.hidden(%s, %q, mustNotBeNull)", path, name)
	}
	switch body := checks.body.String(); {
	case mb.Required && body == "":
		p.f("if !r.Has(%s) {\n%s\n}", bit, null)
	case mb.Required:
		p.f("if !r.Has(%s) {\n%s\n} else {\n%s}", bit, null, body)
	case body != "":
		p.f("if r.Has(%s) {\n%s}", bit, body)
	}
}

// checks prints the checks of a member that is present.
func (m *model) checks(p *printer, mb *member, path string) {
	name, value := lowerCamel(mb.Name), "r."+mb.Name
	at := fmt.Sprintf("%s, %q", path, name)
	if mb.shape == nil {
		p.f("%s.validate(%sv, &path{%s, %q, 0})", value, address(path), path, name)
		return
	}
	s := mb.shape
	switch s.Type {
	case "string":
		if s.Max != nil {
			verb := "v.length(" + at + ", " + value
			if s.hidden() {
				verb = "v.hiddenLength(" + at + ", utf16Len(" + value + ")"
			}
			p.f("%s, %d, %d)", verb, *s.Min, *s.Max)
		}
		if s.Pattern != "" {
			p.f("if !match%s(%s) {\nv.pattern(%s, %s, pattern%s)\n}", mb.Shape, value, at, value, mb.Shape)
		}
	case "secret":
		p.f("v.hiddenLength(%s, utf16Len(string(%s)), %d, %d)", at, value, *s.Min, *s.Max)
		if s.Pattern != "" {
			p.f("if !match%s(string(%s)) {\nv.hidden(%s, mustMatch + pattern%s)\n}", mb.Shape, value, at, mb.Shape)
		}
	case "enum":
		p.f("if !is%s(%s) {\nv.enum(%s, %s, set%s)\n}", mb.Shape, value, at, value, mb.Shape)
	case "blob":
		p.f("v.hiddenLength(%s, len(%s), %d, %d)", at, value, *s.Min, *s.Max)
	case "int":
		if s.Max != nil {
			p.f("v.integer(%s, %s, %d, %d)", at, value, *s.Min, *s.Max)
		}
	case "list":
		m.listChecks(p, mb, at, path)
	}
}

// address makes &v of v where v is a variable and not a pointer.
func address(path string) string {
	if path == "nil" {
		return "&"
	}
	return ""
}

// listChecks prints the checks of a list: AWS reports a bad structure at its
// own path, a bad scalar at the list's.
func (m *model) listChecks(p *printer, mb *member, at, path string) {
	s, value := mb.shape, "r."+mb.Name
	of := m.Shapes[s.Of]
	if of == nil {
		p.f("for i := range %s {\n%s[i].validate(%sv, &path{%s, i + 1})\n}", value, value, address(path), at)
		return
	}
	shown := value
	if of.hidden() {
		shown = "nil"
	}
	if s.Max != nil {
		p.f("v.items(%s, %s, len(%s), %d, %d)", at, shown, value, *s.Min, *s.Max)
	}
	var bad []string
	var texts []string
	if of.Type == "enum" {
		bad = append(bad, fmt.Sprintf("!is%s(e)", s.Of))
		texts = append(texts, "mustBeOneOf + set"+s.Of)
	}
	if of.Max != nil {
		bad = append(bad, fmt.Sprintf("!within(utf16Len(e), %d, %d)", *of.Min, *of.Max))
		texts = append(texts, fmt.Sprintf("\"%s%d, %s%d\"", "Member must have length less than or equal to ", *of.Max, "Member must have length greater than or equal to ", *of.Min))
	}
	if of.Pattern != "" {
		bad = append(bad, fmt.Sprintf("!match%s(e)", s.Of))
		texts = append(texts, "mustMatch + pattern"+s.Of)
	}
	if len(bad) > 0 {
		p.f("for _, e := range %s {\nif %s {\nv.elements(%s, %s, %s)\nbreak\n}\n}", value, strings.Join(bad, " || "), at, shown, strings.Join(texts, ` + ", " + `))
	}
}
