package policy

import "strings"

// statement is a statement, compiled.
type statement struct {
	source     *Statement
	deny       bool
	actions    actions
	resources  resources
	principals principals
	conditions []condition
}

// Compile makes a parsed and checked document ready for evaluation. bound may
// be nil. The document must not be changed any more.
func Compile(d *Document, bound Bound) *Policy {
	p := &Policy{document: d}
	variables := d.Version == Version2012
	for i := range d.Statements {
		source := &d.Statements[i]
		s := statement{
			source:     source,
			deny:       source.Effect != Allow,
			actions:    compileActions(source),
			resources:  compileResources(source, variables),
			principals: compilePrincipals(source, bound),
		}
		for j := range source.Condition {
			s.conditions = append(s.conditions, compileCondition(&source.Condition[j], variables))
		}
		if s.deny {
			p.denies = append(p.denies, s)
		} else {
			p.allows = append(p.allows, s)
		}
	}
	return p
}

// actions is Action or NotAction.
type actions struct {
	not  bool
	list []pattern // in lower case; none: the statement is about no action
	// sieve has the bit of each action of the list, and every bit if there are
	// wildcards: most statements are about other actions than the one asked for.
	sieve uint64
}

func compileActions(s *Statement) (a actions) {
	list := s.Action
	if s.NotAction != nil {
		a.not, list = true, s.NotAction
	}
	for _, text := range list {
		name, bit := lowerAction(nil, text)
		p := compilePattern(string(name), asText, false)
		if a.sieve |= bit; p.form != exact {
			a.sieve = ^uint64(0)
		}
		a.list = append(a.list, p)
	}
	return a
}

// lowerAction is an action with its ASCII letters in lower case, in room if it is
// enough, and its bit in a sieve. Folding other letters would make two one.
func lowerAction(room []byte, action string) (name []byte, bit uint64) {
	var sum uint32
	name = room[:0]
	for i := range len(action) {
		c := action[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		name = append(name, c)
		sum = sum*31 + uint32(c)
	}
	return name, 1 << (sum >> 4 & 63)
}

// coversAction reports whether a statement is about an action.
func (s *statement) coversAction(r *Request, action []byte, bit uint64) bool {
	list := s.actions.list
	if s.actions.sieve&bit == 0 {
		return s.actions.not && len(list) > 0
	}
	if !r.spend(len(list)) {
		return false
	}
	for i := range list {
		// Most have no wildcards; a call for each would cost more than comparing.
		if p := &list[i]; p.form == exact && string(action) == p.text || p.form != exact && p.matchesAction(r, action) {
			return !s.actions.not
		}
	}
	return s.actions.not && len(list) > 0
}

// resources is Resource or NotResource.
type resources struct {
	not, absent bool
	list        patterns
}

func compileResources(s *Statement, variables bool) (a resources) {
	list := s.Resource
	if s.NotResource != nil {
		a.not, list = true, s.NotResource
	}
	a.absent = list == nil
	for _, text := range list {
		a.list = append(a.list, compilePattern(completeARN(text), asResource, variables))
	}
	return a
}

// completeARN adds the parts that an ARN lacks at its end: they may be anything.
// A * at its end means so already.
func completeARN(resource string) string {
	const colons = 5
	missing := colons - strings.Count(resource, ":")
	if strings.HasPrefix(resource, "arn:") && missing > 0 && !strings.HasSuffix(resource, "*") {
		return resource + strings.Repeat(":*", missing)
	}
	return resource
}

// coversResource reports whether a statement is about the request's resource.
func (s *statement) coversResource(r *Request, resourceBased bool) bool {
	a := &s.resources
	switch {
	case a.absent:
		return resourceBased
	case len(a.list) == 0:
		return false
	}
	return a.list.match(r, r.Resource) != a.not
}
