package main

import (
	"fmt"
	"strings"
)

// emitOps prints the operations and what is known of each by name.
func emitOps(p *printer, m *model, sum [32]byte) {
	p.f("// modelSHA256 is the hash of the api/model.json that these files were made from.")
	p.f("const modelSHA256 = \"%x\"\n", sum)
	p.f("// NumOps is the number of operations: an Op is 1 to NumOps.\nconst NumOps = %d\n", len(m.Operations))
	p.f("// The operations, in the order of their names.\nconst (")
	for i, op := range m.Operations {
		p.f("Op%s Op = %d", op.Name, i+1)
	}
	p.f(")\n\nvar opNames = [NumOps + 1]string{")
	for _, op := range m.Operations {
		p.f("Op%s: %q,", op.Name, op.Name)
	}
	p.f("}\n\n// ParseOp returns the operation of that name, exactly as AWS writes it.\nfunc ParseOp(name string) (Op, bool) {\nswitch name {")
	for _, op := range m.Operations {
		p.f("case %q: return Op%s, true", op.Name, op.Name)
	}
	p.f("}\nreturn 0, false\n}\n\nvar opErrors = [NumOps + 1][]string{")
	for _, op := range m.Operations {
		p.f("Op%s: {%s},", op.Name, quoted(op.Errors))
	}
	p.f("}\n\nvar opMaxBody = [NumOps + 1]int{")
	for _, op := range m.Operations {
		p.f("Op%s: %d,", op.Name, m.maxBody(op))
	}
	p.f("}\n\nvar opMembers = [NumOps + 1][]string{")
	for _, op := range m.Operations {
		var names []string
		for _, mb := range op.Input {
			names = append(names, mb.Name)
		}
		p.f("Op%s: {%s},", op.Name, quoted(names))
	}
	p.f("}")
}

// quoted is a list of Go string literals.
func quoted(values []string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", v)
	}
	return b.String()
}

// emitDispatch prints the interface of all operations and its caller.
func emitDispatch(p *printer, m *model) {
	p.f("// Operations is everything that the API can do. C is what the pipeline hands")
	p.f("// to an operation beside its request: the caller, the permit, the key.")
	p.f("type Operations[C any] interface {")
	for _, op := range m.Operations {
		if op.Output == nil {
			p.f("%s(ctx context.Context, c C, in *%sRequest) error", op.Name, op.Name)
			continue
		}
		p.f("%s(ctx context.Context, c C, in *%sRequest) (*%sResponse, error)", op.Name, op.Name, op.Name)
	}
	p.f("}\n\n// Dispatch calls the operation that in belongs to. The response is nil on an")
	p.f("// error, and for an operation that answers with an empty body.")
	p.f("func Dispatch[C any](ctx context.Context, o Operations[C], c C, in Request) (Response, error) {\nswitch in := in.(type) {")
	for _, op := range m.Operations {
		p.f("case *%sRequest:", op.Name)
		if op.Output == nil {
			p.f("return nil, o.%s(ctx, c, in)", op.Name)
			continue
		}
		p.f("return answer(o.%s(ctx, c, in))", op.Name)
	}
	p.f("}\nreturn nil, errUnknownRequest\n}")
}

// goName is an enum value as a part of a Go name: RSA_2048 becomes Rsa2048.
func goName(value string) string {
	if value != strings.ToUpper(value) {
		return value
	}
	var b strings.Builder
	for word := range strings.SplitSeq(value, "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

// emitEnums prints the values of enums as constants and as lists, and the
// tests and interning for those that requests use.
func emitEnums(p *printer, m *model) {
	input := m.reach(m.inputs())
	for _, name := range sorted(m.Shapes) {
		s := m.Shapes[name]
		if s.Type != "enum" {
			continue
		}
		p.f("// The values of %s.\nconst (", name)
		var consts []string
		for _, v := range s.Values {
			p.f("%s%s = %q", name, goName(v), v)
			consts = append(consts, name+goName(v))
		}
		all := strings.Join(consts, ", ")
		p.f(")\n\n// %sValues lists the values of %s in the model's order.", name, name)
		p.f("func %sValues() []string { return []string{%s} }\n", name, all)
		if !contains(input, name) {
			continue
		}
		p.f("const set%s = \"[%s]\"\n", name, strings.Join(s.Values, ", "))
		p.f("func is%s(v string) bool {\nswitch v {\ncase %s:\nreturn true\n}\nreturn false\n}\n", name, all)
		p.f("// intern%s is string(b), without an allocation for a known value.", name)
		p.f("func intern%s(b []byte) string {\nswitch string(b) {", name)
		for _, c := range consts {
			p.f("case %s: return %s", c, c)
		}
		p.f("}\nreturn string(b)\n}\n")
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// emitMembers prints the bits of the members of requests and of the
// structures within them.
func emitMembers(p *printer, m *model) {
	print := func(owner, what string, members []*member) {
		if len(members) == 0 {
			return
		}
		p.f("// The members of %s.\nconst (", what)
		for i, mb := range members {
			p.f("%s%s Members = 1 << %d", owner, mb.Name, i)
		}
		p.f(")\n")
	}
	for _, op := range m.Operations {
		print(op.Name, op.Name+"Request", op.Input)
	}
	for _, name := range m.reach(m.inputs()) {
		print(name, name, m.Structures[name])
	}
}

// emitRequests prints the request types.
func emitRequests(p *printer, m *model) {
	for _, op := range m.Operations {
		p.f("// %sRequest is the input of %s.", op.Name, op.Name)
		emitStruct(p, m, op.Name+"Request", op.Input, true)
	}
}

// emitResponses prints the types of answers.
func emitResponses(p *printer, m *model) {
	for _, op := range m.Operations {
		if op.Output != nil {
			p.f("// %sResponse is the output of %s.", op.Name, op.Name)
			emitStruct(p, m, op.Name+"Response", op.Output, false)
		}
	}
}

// emitStructures prints the types that stand within requests and answers.
func emitStructures(p *printer, m *model) {
	input := m.reach(m.inputs())
	for _, name := range sorted(m.Structures) {
		p.f("// %s is a structure of the model.", name)
		emitStruct(p, m, name, m.Structures[name], contains(input, name))
	}
}

func emitStruct(p *printer, m *model, name string, members []*member, input bool) {
	p.f("type %s struct {", name)
	if input {
		p.f("Set Members // which members the request carried")
	}
	for _, mb := range members {
		comment := ""
		if mb.Note != "" {
			comment = " // " + mb.Note
		}
		p.f("%s %s%s", mb.Name, m.goType(mb), comment)
	}
	p.f("}\n")
}

// emitAccess prints the small methods of requests.
func emitAccess(p *printer, m *model) {
	for _, op := range m.Operations {
		r := op.Name + "Request"
		p.f("// Op is Op%s.\nfunc (*%s) Op() Op { return Op%s }\n", op.Name, r, op.Name)
		p.f("// Present is the set of members that the request carried.\nfunc (r *%s) Present() Members { return r.Set }\n", r)
		p.f("// Has reports whether the request carried one of the members m.\nfunc (r *%s) Has(m Members) bool { return r.Set&m != 0 }\n", r)
		for _, mb := range op.Input {
			switch mb.Name {
			case "KeyId":
				p.f("// KeyIdentifier returns KeyId and whether it is there.\nfunc (r *%s) KeyIdentifier() (string, bool) { return r.KeyId, r.Has(%sKeyId) }\n", r, op.Name)
			case "GrantTokens":
				p.f("// GrantTokenList returns GrantTokens.\nfunc (r *%s) GrantTokenList() []string { return r.GrantTokens }\n", r)
			case "DryRun":
				p.f("// IsDryRun returns DryRun.\nfunc (r *%s) IsDryRun() bool { return r.DryRun }\n", r)
			}
		}
		emitWipe(p, m, r, op.Input, "Wipe")
	}
	for _, name := range m.reach(m.inputs()) {
		if m.Structures[name] != nil {
			p.f("// Has reports whether the request carried one of the members m.\nfunc (r *%s) Has(m Members) bool { return r.Set&m != 0 }\n", name)
		}
	}
	for _, op := range m.Operations {
		if op.Output != nil {
			emitWipe(p, m, op.Name+"Response", op.Output, "Wipe")
		}
	}
	for _, name := range sorted(m.Structures) {
		if m.hides(m.Structures[name]) {
			emitWipe(p, m, name, m.Structures[name], "wipe")
		}
	}
}

// emitWipe prints the method that clears sensitive bytes.
func emitWipe(p *printer, m *model, typ string, members []*member, method string) {
	var body printer
	for _, mb := range members {
		switch {
		case mb.shape == nil:
			if m.hides(m.Structures[mb.Shape]) {
				body.f("if r.%s != nil {\nr.%s.wipe()\n}", mb.Name, mb.Name)
			}
		case mb.shape.Type == "list":
			if of := m.Structures[mb.shape.Of]; of != nil && m.hides(of) {
				body.f("for i := range r.%s {\nr.%s[i].wipe()\n}", mb.Name, mb.Name)
			}
		case mb.shape.hidden() && mb.shape.goType() == "[]byte":
			body.f("clear(r.%s)", mb.Name)
		}
	}
	if method == "Wipe" {
		p.f("// Wipe overwrites the sensitive bytes.")
	}
	recv := "r *"
	if body.body.Len() == 0 {
		recv = "*"
	}
	p.f("func (%s%s) %s() {\n%s}\n", recv, typ, method, body.body.String())
}

// emitHide prints the methods that keep fmt, log/slog and encoding/json from
// showing a value that holds something sensitive.
func emitHide(p *printer, m *model) {
	print := func(name string, members []*member) {
		if !m.hides(members) {
			return
		}
		p.f("// Format prints the type's name only, whatever the verb.\nfunc (%s) Format(f fmt.State, _ rune) { io.WriteString(f, %q) }\n", name, name+"{}")
		p.f("// LogValue is the type's name only.\nfunc (%s) LogValue() slog.Value { return slog.StringValue(%q) }\n", name, name+"{}")
		p.f("// MarshalJSON refuses: it is not the way to the wire.\nfunc (%s) MarshalJSON() ([]byte, error) { return nil, errMarshal }\n", name)
	}
	for _, op := range m.Operations {
		print(op.Name+"Request", op.Input)
		print(op.Name+"Response", op.Output)
	}
	for _, name := range sorted(m.Structures) {
		print(name, m.Structures[name])
	}
}
