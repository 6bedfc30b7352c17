package policy

import "slices"

// Finding is what one statement has to do with a request, for people. A
// statement without a Missed is about it.
type Finding struct {
	Statement *Statement
	Via       Via     // how it covers the principal; ViaNothing if that is not so
	Missed    Element // the first that the request is not covered by; "" if all cover it
	// Condition is the first that does not hold, if that is what was missed, and
	// Actual what the request has for its key.
	Condition *Condition
	Actual    Values
	// Lost is a policy variable without a value in that condition, or in the
	// resource that was missed.
	Lost string
}

// Element is an element of a statement, by its name in documents.
type Element string

// The elements that say what a statement is about, in the order in which they
// are looked at.
const (
	ElementAction       Element = "Action"
	ElementNotAction    Element = "NotAction"
	ElementPrincipal    Element = "Principal"
	ElementNotPrincipal Element = "NotPrincipal"
	ElementResource     Element = "Resource"
	ElementNotResource  Element = "NotResource"
	ElementCondition    Element = "Condition"
)

// Trace says of every statement, in the document's order, what Evaluate makes
// of it, or with resourceBased what EvaluateResource does; of what Suppose left
// out, nothing. It is nil if the request has no steps left for that.
func (p *Policy) Trace(r *Request, resourceBased bool) []Finding {
	found := []Finding{}
	denies, allows := p.denies, p.allows
	for i := range p.document.Statements {
		for _, rest := range [...]*[]statement{&denies, &allows} {
			if all := *rest; len(all) > 0 && all[0].source == &p.document.Statements[i] {
				found = append(found, all[0].trace(r, resourceBased))
				*rest = all[1:]
			}
		}
	}
	if r.exhausted() {
		return nil
	}
	return found
}

// trace is applies, with reasons.
func (s *statement) trace(r *Request, resourceBased bool) Finding {
	f := Finding{Statement: s.source}
	asked := lowerAction(nil, r.Action)
	if !s.coversAction(r, &asked) {
		f.Missed = either(s.actions.not, ElementAction, ElementNotAction)
		return f
	}
	if f.Via = s.coversPrincipal(r, resourceBased); f.Via == ViaNothing {
		f.Missed = either(s.principals.not, ElementPrincipal, ElementNotPrincipal)
		return f
	}
	if !s.coversResource(r, resourceBased) {
		f.Missed = either(s.resources.not, ElementResource, ElementNotResource)
		f.Lost = s.resources.list.lost(r)
		return f
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(r, s.deny) {
			f.Missed, f.Condition, f.Lost = ElementCondition, c.source, c.patterns.lost(r)
			f.Actual = r.values(c.key)
			f.Actual.Set = slices.Clone(f.Actual.Set)
			return f
		}
	}
	return f
}

func either(not bool, plain, negated Element) Element {
	if not {
		return negated
	}
	return plain
}

// lost is the first variable of the list without a value; "" if each has one.
func (p patterns) lost(r *Request) string {
	for i := range p {
		for _, v := range p[i].variables {
			if _, ok := v.resolve(r); !ok {
				return v.key
			}
		}
	}
	return ""
}
