package explain

import (
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/policy"
)

// anyAlias stands for the aliases that no policy names.
const anyAlias = "alias/_any-other_"

// onAliases asks for the aliases that an action of aliases could be about: those
// of the key, one for each resource that a policy of the principal's names, and
// any other. It returns what allows it and on which conditions; ok: on one at least.
func (s *Survey) onAliases(c *identity.Caller, q question) (through, conditions []string, ok bool) {
	best, worst := s.request(c, q, true), s.request(c, q, false)
	var can, cannot []string // names or resources of aliases
	others, always := false, true
	for _, a := range s.aliases(best) {
		d := aliasRequest(best, a.name).Decide()
		if always = always && d.Allowed; !d.Allowed {
			cannot = append(cannot, a.shown)
			continue
		}
		can, others = append(can, a.shown), others || a.name == anyAlias
		for _, w := range s.ways(d, c, q) {
			if !slices.Contains(through, w) {
				through = append(through, w)
			}
		}
		if against := aliasRequest(worst, a.name).Decide(); !against.Allowed {
			for _, text := range s.unless(d, against, c, q) {
				if !slices.Contains(conditions, text) {
					conditions = append(conditions, text)
				}
			}
		}
	}
	switch {
	case len(can) == 0:
		return nil, nil, false
	case others && !always:
		conditions = append(conditions, "not the alias "+list(cannot))
	case !others:
		text := "the alias " + list(can)
		cannot = slices.DeleteFunc(cannot, func(shown string) bool { return strings.HasPrefix(shown, "alias/") })
		if len(cannot) > 0 {
			text += ", not " + list(cannot)
		}
		conditions = append(conditions, text)
	}
	return through, conditions, true
}

// alias is one that is asked for.
type alias struct{ name, shown string }

// aliases are those that differ for the policies of who makes a request.
func (s *Survey) aliases(r *authz.Request) []alias {
	all := []alias{{anyAlias, anyAlias}}
	add := func(name, shown string) {
		if !slices.ContainsFunc(all, func(a alias) bool { return a.name == name }) {
			all = append(all, alias{name, shown})
		}
	}
	for _, name := range s.key.Aliases {
		add(name, name)
	}
	first := arn.Alias(s.environment.Partition, s.environment.Region, r.Caller.Account, "alias/")
	for _, p := range attachedTo(r.Caller) {
		d := p.Policy.Document()
		for i := range d.Statements {
			st := &d.Statements[i]
			for _, pattern := range slices.Concat(st.Resource, st.NotResource) {
				if pattern == "*" || !st.Covers(r.Action) {
					continue
				}
				if name := aliasOf(first, resolved(r, pattern)); name != "" {
					add(name, pattern)
				}
			}
		}
	}
	return all
}

// attachedTo are the policies of a principal's own, his boundary among them.
func attachedTo(c *identity.Caller) (all []identity.Attached) {
	if c.Permissions != nil {
		all = slices.Clone(c.Permissions.Policies)
		if c.Permissions.Boundary != nil {
			all = append(all, *c.Permissions.Boundary)
		}
	}
	return all
}

// resolved puts the values of policy variables into a resource. What has none
// may be anything.
func resolved(r *authz.Request, pattern string) string {
	for {
		before, after, _ := strings.Cut(pattern, "${")
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			return pattern
		}
		value := "*"
		if v := r.Values(strings.ToLower(name)); v.Present && !v.Multi {
			value = v.One
		}
		pattern = before + value + after
	}
}

// aliasOf is the name of an alias whose ARN, which begins with first and the
// name behind its alias/, a pattern matches; empty if there is none.
func aliasOf(first, pattern string) string {
	at := map[int]bool{0: true} // how much of the pattern may be used up
	skip := func() {
		for i := range len(pattern) {
			if at[i] && pattern[i] == '*' {
				at[i+1] = true
			}
		}
	}
	for _, c := range []byte(first) {
		skip()
		next := map[int]bool{}
		for i := range at {
			switch {
			case i == len(pattern):
			case pattern[i] == '*':
				next[i] = true
			case pattern[i] == '?' || pattern[i] == c:
				next[i+1] = true
			}
		}
		if at = next; len(at) == 0 {
			return ""
		}
	}
	for i := len(pattern) - 1; i >= 0; i-- { // as much as can be, so that the rest is short
		name := "alias/" + strings.NewReplacer("*", "x", "?", "x").Replace(pattern[i:])
		// A * matches colons, so that :key/* is the end of an alias/x:key/x too. Nobody
		// means that.
		meant := strings.HasSuffix(pattern[:i], "alias/") || !strings.Contains(name, ":")
		if at[i] && meant && arn.ValidAliasName(name) {
			return name
		}
	}
	return ""
}

// withAlias adds to what a key allows what the alias must allow besides.
func (s *Survey) withAlias(c *identity.Caller, q question, through, conditions []string) (_, _ []string, ok bool) {
	if !changesAlias(q.op) {
		return through, conditions, true
	}
	ways, further, ok := s.onAliases(c, q)
	for _, w := range ways {
		if !slices.Contains(through, w) {
			through = append(through, w)
		}
	}
	for _, text := range further {
		if !slices.Contains(conditions, text) {
			conditions = append(conditions, text)
		}
	}
	return through, conditions, ok
}

// Sessions returns what the sessions of a role may do that the key policy names,
// of those for whom it differs from what every session may.
func (s *Survey) Sessions(role *identity.Caller, every *Holder) (all []Holder) {
	if role.Type != identity.TypeRole || s.key.Rules == nil {
		return nil
	}
	of := arn.ParsePrincipal(role.PrincipalARN)
	d := s.key.Rules.Document()
	for i := range d.Statements {
		for _, p := range [...]*policy.Principals{d.Statements[i].Principal, d.Statements[i].NotPrincipal} {
			if p == nil {
				continue
			}
			for _, name := range p.AWS {
				named := arn.ParsePrincipal(name)
				if named.Kind != arn.RoleSession || named.Account != of.Account || named.Name != of.Name || named.Partition != of.Partition ||
					slices.ContainsFunc(all, func(h Holder) bool { return h.Principal == name }) {
					continue
				}
				h := s.Of(sessionNamed(role, named.Session))
				h.Type = TypeSession
				if len(h.Access) > 0 && !slices.EqualFunc(h.Access, every.Access, sameAccess) {
					all = append(all, h)
				}
			}
		}
	}
	return all
}

func sameAccess(a, b Access) bool {
	return slices.Equal(a.Actions, b.Actions) && slices.Equal(a.Through, b.Through) && slices.Equal(a.If, b.If)
}

// needsIAM is the condition under which a key policy's statement allows to change
// aliases to whoever it names.
const needsIAM = "an IAM policy allows it on the alias"
