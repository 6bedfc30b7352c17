package policy

// Suppose is the policy as it would be if every condition that is not known
// turned out in favour of whoever asks, or against him. It answers what may be
// allowed in some request, or is in all of them.
func (p *Policy) Suppose(known func(*Condition) bool, favour bool) *Policy {
	if !p.conditional() {
		return p
	}
	q := &Policy{document: p.document, bound: p.bound}
	q.denies = suppose(p.denies, known, !favour)
	q.allows = suppose(p.allows, known, favour)
	return q
}

// conditional reports whether a statement has a condition.
func (p *Policy) conditional() bool {
	for _, list := range [...][]statement{p.denies, p.allows} {
		for i := range list {
			if len(list[i].conditions) > 0 {
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
			s.conditions = kept
			out = append(out, s)
		}
	}
	return out
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
