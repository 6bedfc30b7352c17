package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/policy"
)

// everybody reports whether a statement is about every principal.
func everybody(p *policy.Principals) bool {
	return p != nil && (p.Everyone || slices.Contains(p.AWS, "*"))
}

// everyone finds statements that allow something to everybody, with nothing
// that says to whom of them.
func (l *linter) everyone(s *policy.Statement) {
	if s.Effect != policy.Allow || !everybody(s.Principal) || l.Kind == Endpoint { // whoever comes in there is asked for by the other policies
		return
	}
	place := ""
	for i := range s.Condition {
		switch restricts(&s.Condition[i]) {
		case who:
			return
		case where:
			place = s.Condition[i].Key
		}
	}
	what := "it allows " + l.spoken(s) + " to everybody, of every account"
	const mend = "name principals in Principal, or restrict whom it means by kms:CallerAccount, aws:PrincipalArn or aws:PrincipalOrgID, with a positive operator and without IfExists"
	if place != "" {
		l.add(Warning, "everyone", what+" who comes from the right place", place+" says from where a request may come, not from whom: any account's principal can send it from there", mend)
		return
	}
	l.add(Error, "everyone", what, "The Principal is \"*\", and no condition restricts whose request it may be", mend)
}

// spoken says which actions a statement is about.
func (l *linter) spoken(s *policy.Statement) string {
	if s.NotAction != nil {
		return "every action but " + join(s.NotAction)
	}
	return join(s.Action)
}

// What a condition restricts.
type restriction int

const (
	nothing restriction = iota
	where               // from where a request may come
	who                 // whose it may be
)

// restricting are the condition keys that restrict a statement about everybody.
// A tag of a principal's is none: any account gives its principals tags.
var restricting = map[string]restriction{
	"kms:calleraccount": who, "aws:principalaccount": who, "aws:principalarn": who, "aws:principalorgid": who, "aws:principalorgpaths": who,
	"aws:userid": who, "aws:sourcearn": who, "aws:sourceaccount": who, "aws:sourceorgid": who, "aws:sourceorgpaths": who, "aws:principalservicename": who,
	"aws:sourceip": where, "aws:vpcsourceip": where, "aws:sourcevpc": where, "aws:sourcevpce": where,
}

// restricts says whom or what a condition leaves of everybody.
func restricts(c *policy.Condition) restriction {
	r := restricting[strings.ToLower(c.Key)]
	if r == nothing || negative(c.Operator) || c.Operator == "Null" || c.IfExists || c.Set == policy.ForAllValues {
		return nothing
	}
	if slices.ContainsFunc(c.Values, func(v string) bool { return wide(c, v) }) {
		return nothing
	}
	return r
}

// negative reports whether an operator holds for all values but those listed.
func negative(operator string) bool { return strings.Contains(operator, "Not") }

// wide reports whether a value leaves in whom it does not pin: by his account,
// his organization, an id, an address or an endpoint. A policy variable stands
// for anything, for it is of the same request.
func wide(c *policy.Condition, v string) bool {
	if c.Operator == "IpAddress" {
		return wideRange(v)
	}
	pinned, _, variable := strings.Cut(v, "${")
	end := -1
	if patterns(c.Operator) {
		end = strings.IndexAny(pinned, "*?")
	}
	if end >= 0 {
		pinned = pinned[:end]
	}
	whole := end < 0 && !variable
	switch key := strings.ToLower(c.Key); key {
	case "aws:userid": // of a role's session, the role's id and the name of the session
		return !whole && !strings.Contains(pinned, ":")
	case "aws:principalorgpaths", "aws:sourceorgpaths":
		return !whole && !strings.Contains(pinned, "/")
	case "aws:principalarn", "aws:sourcearn":
		if family(c.Operator) == "Arn" { // which compare each part for itself
			parts := strings.SplitN(v, ":", 6)
			return len(parts) < 6 || !arn.ValidAccount(parts[4]) && (key == "aws:principalarn" || !whole)
		}
		return !whole && (strings.Count(pinned, ":") < 5 || !arn.ValidAccount(accountOf(pinned)))
	}
	return !whole
}

// wideRange reports whether a range of addresses is most of the Internet.
func wideRange(v string) bool {
	const fewest4, fewest6 = 8, 16
	r, err := netip.ParsePrefix(v)
	return err == nil && (r.Addr().Is4() && r.Bits() < fewest4 || r.Addr().Is6() && r.Bits() < fewest6)
}

// patterns reports whether an operator takes its values for patterns.
func patterns(operator string) bool {
	return strings.HasSuffix(operator, "Like") || strings.HasPrefix(operator, "Arn")
}

// principalForms finds principals that are none, and says why.
func (l *linter) principalForms(s *policy.Statement) {
	for _, p := range [...]*policy.Principals{s.Principal, s.NotPrincipal} {
		if p == nil {
			continue
		}
		if !l.Kind.principals() {
			l.add(Error, "principal", "it has a principal", "The policy is about whom it is attached to", "leave Principal out")
			return
		}
		for _, name := range p.AWS {
			l.principalForm(name)
		}
		if len(p.CanonicalUser) > 0 {
			l.add(Error, "principal", "a CanonicalUser is named", "Amazon S3 alone knows these", "name the account, user or role by its ARN")
		}
	}
	if s.NotPrincipal != nil && s.Effect == policy.Allow {
		l.add(Error, "not-principal", "NotPrincipal stands with the effect Allow", "It would allow to everybody else, of every account, and is refused",
			"name in Principal whom it is for")
	}
}

func (l *linter) principalForm(name string) {
	const byARN = "name a user, a role, a session or an account by its ARN"
	kind, _, _ := strings.Cut(resource(name), "/")
	switch {
	case name == "*" || arn.ValidAccount(name):
	case len(name) > 16 && !strings.Contains(name, ":") && (strings.HasPrefix(name, "AIDA") || strings.HasPrefix(name, "AROA")):
		l.add(Error, "principal", name+" is the id of a principal that was deleted", "AWS shows it in place of an ARN that means nobody any more, and takes it from nobody",
			"take it out; one that was made again under the same name is another principal, and is to be named anew")
	case strings.ContainsAny(name, "*?"):
		l.add(Error, "principal", "the principal "+name+" has a wildcard", "In Principal only \"*\" alone is one",
			"use the Principal \"*\" with a condition on aws:PrincipalArn, by ArnLike")
	case !strings.HasPrefix(name, "arn:"):
		l.add(Error, "principal", name+" is no principal", "It is neither an ARN nor an account id of 12 digits", byARN)
	case strings.Contains(name, ":iam::") && kind == "group", strings.Contains(name, ":iam::") && kind == "instance-profile":
		l.add(Error, "principal", "the principal "+name+" is a "+kind, "It signs no request, so it can be no principal", "name its users or its role")
	case !strings.HasPrefix(name, "arn:"+l.Partition+":"):
		l.add(Error, "principal", "the principal "+name+" is of another partition", "Requests come from "+l.Partition+" only", byARN)
	}
}

// resource is the last part of an ARN.
func resource(name string) string {
	parts := strings.SplitN(name, ":", 6)
	return parts[len(parts)-1]
}

// accountOf is the account that a principal belongs to; "" if it is none's.
func accountOf(name string) string {
	if arn.ValidAccount(name) {
		return name
	}
	if parts := strings.SplitN(name, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// isAccount reports whether a principal is an account.
func isAccount(name string) bool { return arn.ValidAccount(name) || resource(name) == "root" }

// otherAccounts finds what other accounts are allowed and cannot do, and other
// accounts that may manage the key.
func (l *linter) otherAccounts(s *policy.Statement) {
	if l.Kind != Key || l.Account == "" || s.Effect != policy.Allow || s.Principal == nil {
		return
	}
	for _, name := range s.Principal.AWS {
		account := accountOf(name)
		if account == "" || account == l.Account {
			continue
		}
		for _, pattern := range s.Action {
			actions := l.expand(pattern)
			if len(actions) > 0 && !slices.ContainsFunc(actions, func(a action) bool { return a.abroad }) {
				l.add(Warning, "other-account", fmt.Sprintf("%s of account %s cannot do %s", name, account, pattern), "The operation does not work on another account's key",
					"leave it out, or give them a role of account "+l.Account)
			}
		}
	}
}

// exemptions finds NotPrincipal with Deny, which exempts fewer than it seems.
func (l *linter) exemptions(s *policy.Statement) {
	if s.NotPrincipal == nil || s.Effect != policy.Deny {
		return
	}
	l.add(Warning, "not-principal", "it denies to everybody but "+join(s.NotPrincipal.AWS),
		"A role's sessions are exempt only if they are listed as well, with the role and their account; who is forgotten is locked out",
		"deny to \"*\" with a condition on aws:PrincipalArn, by ArnNotLike")
}
