// Package plain is a second evaluator of policies, for tests: slow, without
// compilation and caches, and written from AWS's documentation of the policy
// language alone. It owns no decision: where it and internal/policy differ, a
// test fails. It must never share code with the evaluator that it checks, but
// for the parsed document, and never be linked into a program.
//
// What AWS's texts leave open is as the document of internal/policy says.
//
// Specification: the IAM User Guide's pages on the elements Principal,
// NotPrincipal, Action, Resource and Condition, on condition operators, on
// single-valued and multivalued context keys, and on policy variables.
package plain

import (
	"strings"

	"trent/internal/policy"
)

// Evaluate asks an identity-based policy.
func Evaluate(d *policy.Document, r *policy.Request) policy.Outcome {
	return evaluate(d, r, func(s *policy.Statement) policy.Via {
		// It is about things, and says which.
		if s.Resource == nil && s.NotResource == nil {
			return policy.ViaNothing
		}
		return policy.ViaSelf
	})
}

// EvaluateResource asks a resource-based policy.
func EvaluateResource(d *policy.Document, bound policy.Bound, r *policy.Request) policy.Outcome {
	return evaluate(d, r, func(s *policy.Statement) policy.Via { return covers(s, bound, &r.Principal) })
}

// evaluate asks all statements. via says how a statement covers the caller.
func evaluate(d *policy.Document, r *policy.Request, via func(*policy.Statement) policy.Via) policy.Outcome {
	// The first statement that denies wins over all that allow, wherever they stand.
	var outcome policy.Outcome
	for i := range d.Statements {
		s := &d.Statements[i]
		way := via(s)
		if way == policy.ViaNothing || !applies(d, s, r) {
			continue
		}
		switch {
		case s.Effect == policy.Deny:
			return policy.Outcome{Deny: s}
		case s.Effect == policy.Allow && way > outcome.Via:
			outcome.Allow, outcome.Via = s, way
		}
	}
	return outcome
}

// Why says of each statement what it is not about, the first of action,
// principal, resource and condition; "" if it is about what is asked.
func Why(d *policy.Document, bound policy.Bound, r *policy.Request, resourceBased bool) []string {
	var all []string
	for i := range d.Statements {
		s := &d.Statements[i]
		missed := misses(d, s, r)
		switch {
		case missed == "action":
		case resourceBased && covers(s, bound, &r.Principal) == policy.ViaNothing:
			missed = "principal"
		case !resourceBased && s.Resource == nil && s.NotResource == nil:
			missed = "resource"
		}
		all = append(all, missed)
	}
	return all
}

// applies reports whether a statement is about what is asked, whoever asks.
func applies(d *policy.Document, s *policy.Statement, r *policy.Request) bool {
	return misses(d, s, r) == ""
}

// lower puts the ASCII letters of an action in lower case.
func lower(action string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c - 'A' + 'a'
		}
		return c
	}, action)
}

// misses says what a statement is not about; "" if it is about what is asked.
func misses(d *policy.Document, s *policy.Statement, r *policy.Request) string {
	variables := d.Version == policy.Version2012
	// "Action": names are compared without regard to the case of ASCII letters.
	action := func(pattern string) bool { return glob(literal(lower(pattern)), lower(r.Action)) }
	resource := func(pattern string) bool { return matchResource(pattern, variables, r) }
	switch {
	case s.Action == nil && s.NotAction == nil,
		s.Action != nil && !some(s.Action, action),
		s.NotAction != nil && some(s.NotAction, action):
		return "action"
	case s.Resource != nil && !some(s.Resource, resource),
		s.NotResource != nil && some(s.NotResource, resource):
		return "resource"
	}
	for _, c := range s.Condition {
		if !holds(c, s.Effect == policy.Deny, variables, r.Context) {
			return "condition"
		}
	}
	return ""
}

// matchResource compares with a pattern of Resource: "*", or an ARN. Missing
// fields are wildcards. In the first five, a wildcard stops at colons, but for an
// asterisk that ends its field. The sixth may have variables.
func matchResource(pattern string, variables bool, r *policy.Request) bool {
	if pattern == "*" {
		return true
	}
	if r.Resource == "" {
		return false
	}
	fields := strings.SplitN(pattern, ":", 6)
	for len(fields) < 6 {
		fields = append(fields, "*")
	}
	var all []char
	for _, field := range fields[:5] {
		chars := literal(field)
		for i := range chars {
			chars[i].inside = strings.Trim(string([]rune(field)[i:]), "*") != ""
		}
		all = append(append(all, chars...), char{text: ":"})
	}
	last, ok := literal(fields[5]), true
	if variables {
		last, ok = expand(fields[5], r.Context)
	}
	return ok && glob(append(all, last...), r.Resource)
}

// covers says how a statement of a resource-based policy covers a principal.
func covers(s *policy.Statement, bound policy.Bound, p *policy.Principal) policy.Via {
	switch {
	case s.Principal != nil:
		return named(s.Principal, bound, p)
	case s.NotPrincipal != nil && s.Effect == policy.Deny && !exempt(s.NotPrincipal, bound, p):
		return policy.ViaBounded // as one of everybody else
	}
	return policy.ViaNothing
}

// named says how a list of principals names one: the strongest way counts.
func named(list *policy.Principals, bound policy.Bound, p *policy.Principal) policy.Via {
	if list.Everyone {
		return policy.ViaBounded
	}
	via := policy.ViaNothing
	for _, name := range list.AWS {
		via = max(via, namedAs(name, bound, p))
	}
	for _, name := range list.Service {
		if p.Service != "" && name == p.Service {
			via = policy.ViaSelf
		}
	}
	return via
}

// namedAs says how one name of the kind AWS names a principal.
func namedAs(name string, bound policy.Bound, p *policy.Principal) policy.Via {
	id, isBound := bound[name]
	switch {
	case name == "*":
		return policy.ViaBounded
	case p.Service != "":
		return policy.ViaNothing
	case isBound && p.RoleARN != "" && id == p.ID:
		return policy.ViaBounded
	case isBound && p.RoleARN == "" && id == p.ID:
		return policy.ViaSelf
	case isBound:
		return policy.ViaNothing
	case name == p.ARN, isAccount(name, p) && isAccount(p.ARN, p): // the root user is the account
		return policy.ViaSelf
	case p.RoleARN != "" && name == p.RoleARN:
		return policy.ViaBounded
	case isAccount(name, p):
		return policy.ViaAccount
	}
	return policy.ViaNothing
}

// isAccount reports whether a name means the account of a principal: its id, or
// its ARN in the principal's partition.
func isAccount(name string, p *policy.Principal) bool {
	if p.Account == "" {
		return false
	}
	return name == p.Account || name == "arn:"+strings.Split(p.ARN, ":")[1]+":iam::"+p.Account+":root"
}

// exempt reports whether NotPrincipal exempts a principal. AWS asks for the
// account first, then the user or the role, then the role's session: each must
// be named.
func exempt(list *policy.Principals, bound policy.Bound, p *policy.Principal) bool {
	if p.Bounded {
		return false // AWS denies whoever has a permissions boundary
	}
	if list.Everyone || p.Service != "" {
		return named(list, bound, p) != policy.ViaNothing
	}
	var everybody, account, role, self bool
	for _, name := range list.AWS {
		via := namedAs(name, bound, p)
		everybody = everybody || name == "*"
		account = account || isAccount(name, p)
		role = role || via == policy.ViaBounded
		self = self || via == policy.ViaSelf
	}
	return everybody || account && self && (role || p.RoleARN == "")
}

// some reports whether a test holds for one of a list.
func some(list []string, test func(string) bool) bool {
	for _, v := range list {
		if test(v) {
			return true
		}
	}
	return false
}

// every reports whether a test holds for all of a list.
func every(list []string, test func(string) bool) bool {
	return !some(list, func(v string) bool { return !test(v) })
}
