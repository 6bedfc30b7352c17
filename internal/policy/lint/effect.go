package lint

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/condkey"
	"trent/internal/policy"
)

// allNames are the principals of a statement that have an ARN or an account, and
// "*".
func allNames(p *policy.Principals) []string {
	if p.Everyone {
		return []string{"*"}
	}
	return p.AWS
}

// denied returns the statement that denies an action to a principal whatever
// the request is; nil if none does.
func (l *linter) denied(name, action string) *policy.Statement {
	for i := range l.doc.Statements {
		s := &l.doc.Statements[i]
		if s.Effect == policy.Deny && s.Covers(action) && meets(s, name) && l.unconditional(s, action) {
			return s
		}
	}
	return nil
}

// unconditional reports whether the conditions of a statement hold in every
// request for an action: there are none, or requests do not have their keys and
// they hold then.
func (l *linter) unconditional(s *policy.Statement, action string) bool {
	return !slices.ContainsFunc(s.Condition, func(c policy.Condition) bool { return l.asked(&c, action) || !holdsAbsent(&c) })
}

// asked reports whether requests for an action may have the key of a condition.
func (l *linter) asked(c *policy.Condition, action string) bool {
	k, _ := condkey.Find(strings.ToLower(c.Key))
	return k != nil && !k.Never && slices.ContainsFunc(l.expand(action), has(k))
}

// meets reports whether a statement is about a principal for certain.
func meets(s *policy.Statement, name string) bool {
	if s.NotPrincipal != nil {
		return name != "*" && !isAccount(name) && !slices.ContainsFunc(s.NotPrincipal.AWS, func(n string) bool { return n == "*" || accountOf(n) == accountOf(name) })
	}
	if s.Principal == nil || everybody(s.Principal) {
		return true
	}
	return name != "*" && slices.ContainsFunc(s.Principal.AWS, func(n string) bool {
		return n == name || isAccount(n) && accountOf(n) == accountOf(name)
	})
}

// shadowed finds statements whose whole effect a Deny without conditions takes
// away.
func (l *linter) shadowed(s *policy.Statement) {
	actions := l.covered(s)
	if s.Effect != policy.Allow || len(actions) == 0 || s.NotPrincipal != nil || s.NotResource != nil {
		return
	}
	who := []string{""} // of policies that are attached to somebody
	if s.Principal != nil {
		if who = allNames(s.Principal); len(who) == 0 || len(s.Principal.Service)+len(s.Principal.Federated) > 0 {
			return
		}
	}
	if s.NotAction != nil || slices.ContainsFunc(s.Action, l.foreign) {
		return // it covers more than the actions of AWS KMS
	}
	by := map[string]bool{}
	for _, name := range who {
		for _, a := range actions {
			d := l.denied(name, a.name)
			if d == nil || !withinResources(s, d) {
				return
			}
			by[l.called(d)] = true
		}
	}
	l.add(Error, "shadowed", "it has no effect", fmt.Sprintf("All that it allows is denied by %s, whatever the request is, and a Deny wins", strings.Join(sorted(by), " and ")),
		"take one of them out, or exempt from the Deny whom it is not meant for")
}

// foreign reports whether an action may be one of another service.
func (l *linter) foreign(pattern string) bool {
	vendor, _, found := strings.Cut(pattern, ":")
	return l.Kind != Key && (!found || !strings.EqualFold(vendor, "kms"))
}

// withinResources reports whether a Deny is about all resources of a statement.
func withinResources(s, d *policy.Statement) bool {
	for _, r := range s.Resource {
		if !slices.ContainsFunc(d.Resource, func(pattern string) bool { return pattern == "*" || policy.Matches(pattern, r) }) {
			return false
		}
	}
	return d.NotResource == nil
}

// called names a statement of the document.
func (l *linter) called(s *policy.Statement) string {
	for i := range l.doc.Statements {
		if s == &l.doc.Statements[i] && s.SID == "" {
			return fmt.Sprintf("statement %d", i+1)
		}
	}
	return fmt.Sprintf("the statement %q", s.SID)
}

func sorted(set map[string]bool) []string {
	all := []string{}
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
