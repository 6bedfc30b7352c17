package policy

import "trent/internal/awsjson"

// AppendJSON appends the document in its canonical form, by which tests compare:
// no white space, elements in AWS's order, every list a list, condition values
// strings. Parsed again it is the same document.
func (d *Document) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if d.Version != "" {
		dst = appendName(dst, "Version")
		dst = awsjson.AppendString(dst, d.Version)
	}
	if d.ID != "" {
		dst = appendName(dst, "Id")
		dst = awsjson.AppendString(dst, d.ID)
	}
	dst = appendName(dst, "Statement")
	for i := range d.Statements {
		dst = append(dst, separator(i, '['))
		dst = d.Statements[i].appendJSON(dst)
	}
	return append(dst, "]}"...)
}

func (s *Statement) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if s.SID != "" {
		dst = appendName(dst, "Sid")
		dst = awsjson.AppendString(dst, s.SID)
	}
	dst = appendName(dst, "Effect")
	dst = awsjson.AppendString(dst, string(s.Effect))
	dst = s.Principal.appendJSON(dst, "Principal")
	dst = s.NotPrincipal.appendJSON(dst, "NotPrincipal")
	dst = appendList(dst, "Action", s.Action)
	dst = appendList(dst, "NotAction", s.NotAction)
	dst = appendList(dst, "Resource", s.Resource)
	dst = appendList(dst, "NotResource", s.NotResource)
	if len(s.Condition) > 0 {
		dst = appendConditions(appendName(dst, "Condition"), s.Condition)
	}
	return append(dst, '}')
}

func (p *Principals) appendJSON(dst []byte, name string) []byte {
	if p == nil {
		return dst
	}
	dst = appendName(dst, name)
	if p.Everyone {
		return awsjson.AppendString(dst, "*")
	}
	dst = append(dst, '{')
	dst = appendList(dst, "AWS", p.AWS)
	dst = appendList(dst, "Service", p.Service)
	dst = appendList(dst, "Federated", p.Federated)
	dst = appendList(dst, "CanonicalUser", p.CanonicalUser)
	return append(dst, '}')
}

// appendConditions appends conditions, which stand in order of their operators.
func appendConditions(dst []byte, all []Condition) []byte {
	dst = append(dst, '{')
	operator := ""
	for i := range all {
		if next := all[i].Name(); next != operator {
			if operator != "" {
				dst = append(dst, '}')
			}
			operator = next
			dst = append(appendName(dst, operator), '{')
		}
		dst = appendList(dst, all[i].Key, all[i].Values)
	}
	return append(dst, "}}"...)
}

// appendList appends a member that is a list; a nil one is none.
func appendList(dst []byte, name string, list []string) []byte {
	if list == nil {
		return dst
	}
	dst = append(appendName(dst, name), '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = awsjson.AppendString(dst, v)
	}
	return append(dst, ']')
}

// appendName appends a member's name, and a comma unless it is the first.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(awsjson.AppendString(dst, name), ':')
}

func separator(i int, first byte) byte {
	if i == 0 {
		return first
	}
	return ','
}
