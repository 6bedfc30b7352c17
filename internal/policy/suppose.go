package policy

import "slices"

// Suppose is the policy as it would be if every condition that is not known
// turned out in favour of whoever asks, or against him; so does a resource with a
// variable, which is known if a condition on its key would be. It answers what may
// be allowed in some request, or is in all of them.
func (p *Policy) Suppose(known func(*Condition) bool, favour bool) *Policy {
	if !p.conditional() {
		return p
	}
	q := &Policy{document: p.document, bound: p.bound}
	q.denies = suppose(p.denies, known, !favour)
	q.allows = suppose(p.allows, known, favour)
	return q
}

// conditional reports whether a statement has a condition, or a variable in its
// resources.
func (p *Policy) conditional() bool {
	for _, list := range [...][]statement{p.denies, p.allows} {
		for i := range list {
			varies := func(p pattern) bool { return len(p.variables) > 0 }
			if len(list[i].conditions) > 0 || slices.ContainsFunc(list[i].resources.list, varies) {
				return true
			}
		}
	}
	return false
}

// suppose leaves out the unknown conditions of statements where they are to
// hold, and elsewhere the statements that have one.
func suppose(list []statement, known func(*Condition) bool, hold bool) []statement {
	out := make([]statement, 0, len(list))
	for _, s := range list {
		kept := make([]condition, 0, len(s.conditions))
		for _, c := range s.conditions {
			if known(c.source) {
				kept = append(kept, c)
			}
		}
		if hold || len(kept) == len(s.conditions) {
			s.conditions, s.resources = kept, s.resources.suppose(known, hold)
			out = append(out, s)
		}
	}
	return out
}

// suppose lets unknown variables be whatever makes their statement hold, or not
// hold.
func (a resources) suppose(known func(*Condition) bool, hold bool) resources {
	b := resources{not: a.not, absent: a.absent}
	for _, p := range a.list {
		unknown := func(v variable) bool { return !known(&Condition{Key: v.key}) }
		switch {
		case !slices.ContainsFunc(p.variables, unknown):
			b.list = append(b.list, p)
		case hold != a.not: // it matches all that it can
			wide := pattern{form: glob}
			for _, t := range p.tokens {
				switch {
				case t.kind == value && unknown(p.variables[t.n]):
					t = token{kind: many}
				case t.kind == value:
					wide.variables, t.n = append(wide.variables, p.variables[t.n]), len(wide.variables)
				}
				wide.tokens = append(wide.tokens, t)
			}
			b.list = append(b.list, wide)
		}
	}
	if a.not && len(b.list) == 0 && len(a.list) > 0 { // nothing is excepted
		return resources{list: patterns{{form: whole}}}
	}
	return b
}

// Covers reports whether a statement is about an action.
func (s *Statement) Covers(action string) bool {
	list, covered := s.Action, true
	if s.NotAction != nil {
		list, covered = s.NotAction, false
	}
	for _, pattern := range list {
		if MatchesAction(pattern, action) {
			return covered
		}
	}
	return !covered
}
