package policy

import (
	"slices"
	"strings"

	"trent/internal/arn"
)

// principals is Principal or NotPrincipal, compiled. Principals of identity
// providers are not among them yet, so that a statement that names these is
// about nobody.
type principals struct {
	not      bool
	everyone bool
	accounts []account
	names    []name
	services []string
}

// account is a principal that means an account: its id, or its ARN, which is
// about its own partition only. partition is what the ARNs of that begin with.
type account struct{ id, partition string }

// name is a principal with an ARN of its own: a user, a role, a session.
type name struct {
	arn string
	id  string // unique id it is bound to; "" if it is not
}

func compilePrincipals(s *Statement, bound Bound) (p principals) {
	source := s.Principal
	if s.NotPrincipal != nil {
		p.not, source = true, s.NotPrincipal
	}
	if source == nil {
		return p
	}
	p.everyone = source.Everyone
	p.services = source.Service
	for _, text := range source.AWS {
		switch named := arn.ParsePrincipal(text); {
		case text == "*":
			p.everyone = true
		case named.Kind == arn.AccountPrincipal && named.Partition == "":
			p.accounts = append(p.accounts, account{id: named.Account})
		case named.Kind == arn.AccountPrincipal:
			p.accounts = append(p.accounts, account{named.Account, "arn:" + named.Partition + ":"})
		default:
			p.names = append(p.names, name{text, bound[text]})
		}
	}
	return p
}

// coversPrincipal says how a statement covers the request's principal.
func (s *statement) coversPrincipal(r *Request, resourceBased bool) Via {
	p := &s.principals
	switch {
	case !resourceBased:
		return ViaSelf
	case !r.spend(1 + len(p.accounts) + len(p.names) + len(p.services)):
		return ViaNothing
	case !p.not:
		return p.cover(&r.Principal)
	case s.deny && !p.exempt(&r.Principal):
		return ViaSelf
	}
	return ViaNothing // NotPrincipal with Allow is about nobody
}

// cover says how the principals cover who.
func (p *principals) cover(who *Principal) Via {
	via := ViaNothing
	if p.everyone {
		via = ViaBounded
	}
	switch {
	case who.Service != "":
		if slices.Contains(p.services, who.Service) {
			return ViaSelf
		}
	case p.hasName(who.ARN, who.ID), who.root() && p.hasAccount(who):
		return ViaSelf
	case p.hasName(who.RoleARN, who.ID):
		return ViaBounded
	case p.hasAccount(who):
		via = max(via, ViaAccount)
	}
	return via
}

// exempt reports whether NotPrincipal leaves who alone: it names him, what he
// is a part of (a session's role), and his account, and he has no permissions
// boundary.
func (p *principals) exempt(who *Principal) bool {
	switch {
	case who.Bounded:
		return false
	case p.everyone:
		return true
	case who.Service != "":
		return slices.Contains(p.services, who.Service)
	}
	return p.hasAccount(who) && (who.root() ||
		p.hasName(who.ARN, who.ID) && (who.RoleARN == "" || p.hasName(who.RoleARN, who.ID)))
}

// hasAccount reports whether the account of who is named.
func (p *principals) hasAccount(who *Principal) bool {
	for i := range p.accounts {
		if a := &p.accounts[i]; a.id == who.Account && strings.HasPrefix(who.ARN, a.partition) {
			return true
		}
	}
	return false
}

// hasName reports whether an ARN is named, and bound to no other id.
func (p *principals) hasName(arn, id string) bool {
	for i := range p.names {
		if n := &p.names[i]; n.arn == arn && (n.id == "" || n.id == id) {
			return true
		}
	}
	return false
}

// root reports whether it is an account's root user.
func (p *Principal) root() bool {
	return p.RoleARN == "" && strings.HasSuffix(p.ARN, ":root")
}
