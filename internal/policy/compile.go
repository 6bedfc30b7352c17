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
	p := &Policy{document: d, bound: bound}
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
	// names has the bits of the actions without wildcards, vendors those of the
	// others' vendors: most statements are about other actions than the one asked for.
	names, vendors uint64
}

// action is the action that is asked for.
type action struct {
	name   []byte // in lower case
	bit    uint64 // one of 64, by the name
	vendor uint64 // so by what stands before the colon; none without one
}

func compileActions(s *Statement) (a actions) {
	list := s.Action
	if s.NotAction != nil {
		a.not, list = true, s.NotAction
	}
	for _, text := range list {
		name := lowerAction(nil, text)
		p := compilePattern(string(name.name), asText, false)
		switch colon, wildcard := strings.IndexByte(text, ':'), strings.IndexAny(text, "*?"); {
		case p.form == exact:
			a.names |= name.bit
		case 0 <= colon && colon < wildcard:
			a.vendors |= name.vendor
		default:
			a.vendors, a.names = ^uint64(0), ^uint64(0)
		}
		a.list = append(a.list, p)
	}
	return a
}

// lowerAction puts the ASCII letters of an action in lower case, in room if that
// is enough. Folding other letters would make two one.
func lowerAction(room []byte, text string) action {
	a := action{name: room[:0]}
	var sum uint32
	for i := range len(text) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == ':' && a.vendor == 0 {
			a.vendor = 1 << (sum >> 4 & 63)
		}
		a.name = append(a.name, c)
		sum = sum*31 + uint32(c)
	}
	a.bit = 1 << (sum >> 4 & 63)
	return a
}

// MatchesAction reports whether an action matches a pattern of Action: "*" and
// "?" are wildcards, and the case of ASCII letters does not count.
func MatchesAction(pattern, action string) bool {
	return Matches(string(lowerAction(nil, pattern).name), string(lowerAction(nil, action).name))
}

// coversAction reports whether a statement is about an action.
func (s *statement) coversAction(r *Request, a *action) bool {
	list := s.actions.list
	if s.actions.names&a.bit|s.actions.vendors&a.vendor == 0 {
		return s.actions.not && len(list) > 0
	}
	if !r.spend(len(list)) {
		return false
	}
	for i := range list {
		// Most have no wildcards; a call for each would cost more than comparing.
		if p := &list[i]; p.form == exact && string(a.name) == p.text || p.form != exact && p.matchesAction(r, a.name) {
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
func completeARN(resource string) string {
	const colons = 5
	missing := colons - strings.Count(resource, ":")
	if strings.HasPrefix(resource, "arn:") && missing > 0 {
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
