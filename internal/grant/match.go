package grant

import (
	"strings"

	"trent/internal/arn"
	"trent/internal/awsjson"
	"trent/internal/policy"
	"trent/internal/record"
)

// An Ask is what a request wants that a grant could allow. RetireGrant is
// MayRetire's.
type Ask struct {
	// Operation is one of them.
	Operation Operations
	// Context is the request's encryption context: names are unique.
	Context []awsjson.Pair
	// Child is the grant that CreateGrant is to make; nil for other operations.
	Child *record.Grant
	// SourceARN is the resource for which a service calls; "" if the caller
	// is none.
	SourceARN string
}

// Allows says how a grant allows a principal's request; ViaNothing if it does
// not. A grant to a user, a session or a service allows by himself, one to a role
// allows its sessions as a key policy that names the role does, and one to an
// account leaves it to the account's identity-based policies.
func Allows(g *record.Grant, p *policy.Principal, a *Ask) policy.Via {
	if SetOf(g.Operations)&^RetireGrant&a.Operation == 0 || !source(g, p, a) || !constraint(g, a) {
		return policy.ViaNothing
	}
	if g.GranteeService != "" {
		return service(g.GranteeService, p)
	}
	return Covers(g.Grantee, g.GranteeID, p)
}

// MayRetire says how a grant on a key of the account owner lets a principal
// retire it: as its retiring principal, as a grantee who may, or for the account
// that issued it or that owns the key. An account's own users need an
// identity-based policy.
func MayRetire(g *record.Grant, owner string, p *policy.Principal) (via policy.Via) {
	via = max(Covers(g.Retiring, g.RetiringID, p), service(g.RetiringService, p))
	if SetOf(g.Operations)&RetireGrant != 0 {
		via = max(via, Covers(g.Grantee, g.GranteeID, p), service(g.GranteeService, p))
	}
	return max(via, Covers(g.IssuingAccount, "", p), Covers(owner, "", p))
}

// Covers says how a principal as a grant names it (an ARN or an account id, and
// the unique id that it had then, if it had one) covers the caller.
func Covers(name, id string, p *policy.Principal) policy.Via {
	switch {
	case name == "" || p.Service != "":
		return policy.ViaNothing
	case name == p.ARN && (id == "" || id == p.ID):
		return policy.ViaSelf
	case name == p.RoleARN && (id == "" || id == p.ID):
		return policy.ViaBounded
	case Account(name) == p.Account && p.Account != "":
		if root(p) {
			return policy.ViaSelf
		}
		return policy.ViaAccount
	}
	return policy.ViaNothing
}

// Account is the account that a principal's name stands for: an account id, or
// the ARN of a root user. It is "" for every other principal.
func Account(name string) string {
	if p := arn.ParsePrincipal(name); p.Kind == arn.AccountPrincipal {
		return p.Account
	}
	return ""
}

// root reports whether the caller is his account's root user.
func root(p *policy.Principal) bool { return strings.HasSuffix(p.ARN, ":root") }

func service(name string, p *policy.Principal) policy.Via {
	if name != "" && name == p.Service {
		return policy.ViaSelf
	}
	return policy.ViaNothing
}

// source checks the SourceArn constraint, which binds calls of services only,
// and what a child has in its place.
func source(g *record.Grant, p *policy.Principal, a *Ask) bool {
	if g.SourceARN == "" {
		return true
	}
	if a.Child != nil && a.Child.SourceARN != g.SourceARN {
		return false
	}
	return p.Service == "" || g.SourceARN == a.SourceARN
}

// constraint checks the encryption context constraint, and what CreateGrant may
// make.
func constraint(g *record.Grant, a *Ask) bool {
	if a.Operation == CreateGrant {
		return a.Child != nil && inherits(g, a.Child)
	}
	if a.Operation&WithContext == 0 {
		return true
	}
	switch g.Constraint {
	case "":
		return true
	case Equals:
		return len(g.Context) == len(a.Context) && includes(a.Context, g.Context)
	case Subset:
		return includes(a.Context, g.Context)
	}
	return false
}

// includes reports whether a context has all of the pairs.
func includes(context []awsjson.Pair, pairs map[string]string) bool {
	found := 0
	for _, p := range context {
		if v, ok := pairs[p.Key]; ok && v == p.Value {
			found++
		}
	}
	return found == len(pairs)
}

// inherits reports whether a child that is made through a grant allows no more
// than it.
func inherits(g, child *record.Grant) bool {
	if SetOf(child.Operations)&^SetOf(g.Operations) != 0 {
		return false
	}
	switch g.Constraint {
	case "":
		return true
	case Equals:
		return child.Constraint == Equals && len(child.Context) == len(g.Context) && within(g.Context, child.Context)
	case Subset:
		return within(g.Context, child.Context)
	}
	return false
}

// within reports whether all pairs of a stand in b.
func within(a, b map[string]string) bool {
	for name, value := range a {
		if v, ok := b[name]; !ok || v != value {
			return false
		}
	}
	return true
}
