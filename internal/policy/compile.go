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
}

func compileActions(s *Statement) (a actions) {
	list := s.Action
	if s.NotAction != nil {
		a.not, list = true, s.NotAction
	}
	for _, text := range list {
		a.list = append(a.list, compilePattern(lower(text), asText, false))
	}
	return a
}

// coversAction reports whether a statement is about the request's action.
func (s *statement) coversAction(r *Request) bool {
	list := s.actions.list
	if !r.spend(len(list)) {
		return false
	}
	for i := range list {
		if list[i].matchesAction(r) {
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

// lower is s with its ASCII letters in lower case. Folding others would make
// two characters one.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, s)
}

// equalsLower reports whether s is text, which is in lower case, and as long,
// without regard to the case of ASCII letters. It begins at the end, where
// actions differ.
func equalsLower(text, s string) bool {
	for i := len(text) - 1; i >= 0; i-- {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}
