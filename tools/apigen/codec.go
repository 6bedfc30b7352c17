package main

import "fmt"

// emitDecode prints the decoders of requests and of the structures and lists
// within them.
func emitDecode(p *printer, m *model) {
	p.f("// decode reads the request of op from s, which keeps the error.\nfunc decode(op Op, s *awsjson.Scanner) Request {\nswitch op {")
	for _, op := range m.Operations {
		p.f("case Op%s:\nr := new(%sRequest)\nr.decode(s)\nreturn r", op.Name, op.Name)
	}
	p.f("}\nreturn nil\n}\n")
	p.f("// NewRequest returns an empty request of op; nil if op is none.\nfunc NewRequest(op Op) Request {\nswitch op {")
	for _, op := range m.Operations {
		p.f("case Op%s: return new(%sRequest)", op.Name, op.Name)
	}
	p.f("}\nreturn nil\n}\n")
	for _, op := range m.Operations {
		emitDecoder(p, op.Name+"Request", op.Name, op.Input)
	}
	for _, name := range m.reach(m.inputs()) {
		if members := m.Structures[name]; members != nil {
			emitDecoder(p, name, name, members)
			continue
		}
		s := m.Shapes[name]
		if s.Type != "list" {
			continue
		}
		of := m.Shapes[s.Of]
		if of == nil {
			p.f("func decode%s(s *awsjson.Scanner) []%s {\nv := []%s{}\nvar a awsjson.Array\nfor s.Element(&a) {", name, s.Of, s.Of)
			p.f("v = append(v, %s{})\nv[len(v)-1].decode(s)\n}\nreturn v\n}\n", s.Of)
			continue
		}
		p.f("func decode%s(s *awsjson.Scanner) []string {\nv := []string{}\nvar a awsjson.Array\nfor s.Element(&a) {", name)
		p.f("v = append(v, %s)\n}\nreturn v\n}\n", readScalar(s.Of, of))
	}
}

func emitDecoder(p *printer, typ, owner string, members []*member) {
	p.f("func (r *%s) decode(s *awsjson.Scanner) {\nvar o awsjson.Object\nfor s.Member(&o) {\nswitch string(o.Name()) {", typ)
	for _, mb := range members {
		p.f("case %q:", mb.Name)
		switch {
		case mb.shape == nil:
			p.f("r.%s = new(%s)\nr.%s.decode(s)", mb.Name, mb.Shape, mb.Name)
		case mb.shape.Type == "list":
			p.f("r.%s = decode%s(s)", mb.Name, mb.Shape)
		default:
			p.f("r.%s = %s", mb.Name, readScalar(mb.Shape, mb.shape))
		}
		p.f("r.Set |= %s%s", owner, mb.Name)
	}
	p.f("default:\ns.Skip()\n}\n}\n}\n")
}

// readScalar is the expression that reads a scalar or a map.
func readScalar(name string, s *shape) string {
	switch s.Type {
	case "string":
		return "s.String()"
	case "secret":
		return "s.Secret()"
	case "enum":
		return "intern" + name + "(s.Text())"
	case "blob":
		return "s.Blob(nil)"
	case "int":
		return "s.Int32()"
	case "bool":
		return "s.Bool()"
	case "timestamp":
		return "s.Time()"
	case "map":
		return "s.StringMap()"
	}
	panic("no scalar: " + s.Type)
}

// emitEncode prints AppendJSON of every answer and of the structures in them.
func emitEncode(p *printer, m *model) {
	for _, op := range m.Operations {
		if op.Output != nil {
			p.f("// AppendJSON appends the answer's body.")
			emitEncoder(p, m, op.Name+"Response", "AppendJSON", op.Output)
		}
	}
	for _, name := range m.reach(m.outputs()) {
		if members := m.Structures[name]; members != nil {
			emitEncoder(p, m, name, "appendJSON", members)
		}
	}
}

func emitEncoder(p *printer, m *model, typ, method string, members []*member) {
	recv := "r *"
	if len(members) == 0 {
		recv = "*"
	}
	p.f("func (%s%s) %s(dst []byte) []byte {\ndst = append(dst, '{')", recv, typ, method)
	for _, mb := range members {
		value := "r." + mb.Name
		if mb.Always {
			if mb.shape == nil {
				p.f("if %s == nil {\ndst = append(dst, `%q:{},`...)\n} else {", value, mb.Name)
				appendMember(p, m, mb, mb.Name, "appendJSON")
				p.f("}")
				continue
			}
			appendMember(p, m, mb, mb.Name, "appendJSON")
			continue
		}
		p.f("if %s {", notZero(m, mb, value))
		appendMember(p, m, mb, mb.Name, "appendJSON")
		p.f("}")
	}
	p.f("return closeWith(dst, '}')\n}\n")
}

// notZero is the condition under which an optional member is in an answer.
func notZero(m *model, mb *member, value string) string {
	switch m.goType(mb) {
	case "string":
		return value + ` != ""`
	case "int32":
		return value + " != 0"
	case "bool":
		return value
	case "time.Time":
		return "!" + value + ".IsZero()"
	}
	return value + " != nil"
}

// appendMember prints the code that appends a member's name, value and comma.
func appendMember(p *printer, m *model, mb *member, name, method string) {
	value := "r." + mb.Name
	switch {
	case mb.shape == nil:
		p.f("dst = append(%s.%s(append(dst, `%q:`...)), ',')", value, method, name)
	case mb.shape.Type == "list":
		p.f("dst = append(dst, `%q:[`...)\nfor i := range %s {", name, value)
		if of := m.Shapes[mb.shape.Of]; of != nil {
			p.f("dst = append(awsjson.AppendString(dst, %s[i]), ',')", value)
		} else {
			p.f("dst = append(%s[i].%s(dst), ',')", value, method)
		}
		p.f("}\ndst = append(closeWith(dst, ']'), ',')")
	default:
		p.f("dst = append(%s, ',')", appendScalar(mb.shape, fmt.Sprintf("append(dst, `%q:`...)", name), value, method))
	}
}

// appendScalar is the expression that appends a scalar or a map to dst.
func appendScalar(s *shape, dst, value, method string) string {
	switch s.Type {
	case "string", "enum":
		return "awsjson.AppendString(" + dst + ", " + value + ")"
	case "secret":
		return "awsjson.AppendString(" + dst + ", string(" + value + "))"
	case "blob":
		return "awsjson.AppendBlob(" + dst + ", " + value + ")"
	case "int":
		return "awsjson.AppendInt(" + dst + ", int64(" + value + "))"
	case "bool":
		return "awsjson.AppendBool(" + dst + ", " + value + ")"
	case "timestamp":
		if method == "appendAudit" {
			return "appendISOTime(" + dst + ", " + value + ")"
		}
		return "awsjson.AppendTime(" + dst + ", " + value + ")"
	case "map":
		return "awsjson.AppendStringMap(" + dst + ", " + value + ")"
	}
	panic("no scalar: " + s.Type)
}

// emitAudit prints AppendAudit of every request: the members that a record
// may show, and the defaults that AWS records.
func emitAudit(p *printer, m *model) {
	for _, op := range m.Operations {
		p.f("// AppendAudit appends the request's part of an audit record.")
		p.f("func (r *%sRequest) AppendAudit(dst []byte) []byte {\nstart := len(dst)\ndst = append(dst, '{')", op.Name)
		for _, mb := range op.Input {
			auditMember(p, m, op.Name, mb)
		}
		p.f("return closeAudit(dst, start)\n}\n")
	}
	for _, name := range m.reach(m.inputs()) {
		members := m.Structures[name]
		if members == nil || !m.recorded(members) {
			continue
		}
		p.f("func (r *%s) appendAudit(dst []byte) []byte {\ndst = append(dst, '{')", name)
		for _, mb := range members {
			auditMember(p, m, name, mb)
		}
		p.f("return closeWith(dst, '}')\n}\n")
	}
}

// records reports whether an audit record may show a member.
func (m *model) records(mb *member) bool {
	if mb.Audit == "never" {
		return false
	}
	if mb.shape == nil {
		return m.recorded(m.Structures[mb.Shape])
	}
	s := mb.shape
	if s.Type == "list" {
		if s = m.Shapes[mb.shape.Of]; s == nil {
			return m.recorded(m.Structures[mb.shape.Of])
		}
	}
	return s.Type != "blob" && !s.hidden()
}

// recorded reports whether an audit record may show any of members.
func (m *model) recorded(members []*member) bool {
	for _, mb := range members {
		if m.records(mb) {
			return true
		}
	}
	return false
}

func auditMember(p *printer, m *model, owner string, mb *member) {
	if !m.records(mb) {
		return
	}
	name := lowerCamel(mb.Name)
	p.f("if r.Has(%s%s) {", owner, mb.Name)
	appendMember(p, m, mb, name, "appendAudit")
	if mb.AuditFrom != "" {
		p.f("} else if r.Has(%s%s) {", owner, mb.AuditFrom)
		appendMember(p, m, &member{Name: mb.AuditFrom, shape: mb.shape}, name, "appendAudit")
	}
	switch v := mb.AuditDefault.(type) {
	case string:
		p.f("} else {\ndst = append(dst, `%q:%q,`...)", name, v)
	case bool:
		p.f("} else {\ndst = append(dst, `%q:%t,`...)", name, v)
	}
	p.f("}")
}
