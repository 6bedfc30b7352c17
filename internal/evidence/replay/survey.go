package replay

import (
	"context"
	"maps"
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/record"
)

// survey is who can use a key in the state that it has, kept up to date change by
// change.
type survey struct {
	world  *World
	asks   *explain.Survey
	state  *state
	budget *int // how many more questions may be asked

	held    map[who]map[string][]explain.Holder // by principal and account
	roots   map[string][]explain.Holder
	named   []explain.Holder
	granted []explain.Holder
}

// all asks of everybody.
func (s *survey) all(order uint64) (err error) {
	s.held, s.roots, s.named, s.granted = map[who]map[string][]explain.Holder{}, map[string][]explain.Holder{}, nil, nil
	k := s.state.key
	if k == nil || s.state.gone {
		return nil
	}
	if s.asks, err = explain.NewSurvey(k, authz.Environment{TLS: true, Region: k.Region, Partition: k.Partition}, ""); err != nil {
		return err
	}
	elsewhere := func(id string) bool { return s.world.accounts[id] == nil || s.world.accounts[id].since > order }
	for _, id := range explain.Accounts(k) {
		if elsewhere(id) {
			continue
		}
		a := s.world.accounts[id]
		root := s.world.root(id)
		s.roots[id] = s.of(&root)
		for name, p := range a.principals {
			s.principal(a, name, p.at(order))
		}
	}
	s.named = s.asks.Named(elsewhere)
	return s.grants(order)
}

// principal asks of one user or role.
func (s *survey) principal(a *account, name who, c *identity.Caller) {
	of := s.held[name]
	if of == nil {
		of = map[string][]explain.Holder{}
		s.held[name] = of
	}
	delete(of, a.id)
	if c != nil {
		of[a.id] = s.of(c)
	}
}

func (s *survey) of(c *identity.Caller) (all []explain.Holder) {
	*s.budget--
	h := s.asks.Of(c)
	if len(h.Access) > 0 {
		all = append(all, h)
	}
	return append(all, s.asks.Sessions(c, &h)...)
}

// grants asks of all grants.
func (s *survey) grants(order uint64) error {
	s.granted = nil
	if s.asks == nil || s.state.gone {
		return nil
	}
	var page explain.Page
	for _, id := range slices.Sorted(maps.Keys(s.state.grants)) {
		g := s.state.grants[id]
		*s.budget--
		h, err := s.asks.Grantee(context.Background(), s.world.named(g.Grantee, order), id, g)
		if err != nil {
			return err
		}
		page.AddGrantee(h)
	}
	s.granted = page.Holders
	return nil
}

// grantsOf reports whether a grant names a principal of an account.
func (s *survey) grantsOf(account string) bool {
	for _, g := range s.state.grants {
		if arn.ParsePrincipal(g.Grantee).Account == account {
			return true
		}
	}
	return false
}

// holders are all, in the service's order.
func (s *survey) holders() (all []explain.Holder) {
	if s.state.key == nil || s.state.gone {
		return nil
	}
	for _, id := range explain.Accounts(s.state.key) {
		all = append(all, s.roots[id]...)
		for _, name := range slices.SortedFunc(maps.Keys(s.held), less) {
			all = append(all, s.held[name][id]...)
		}
	}
	return append(append(all, s.named...), s.granted...)
}

// root is who calls as an account's root user.
func (w *World) root(account string) identity.Caller {
	self := arn.Principal{Kind: arn.AccountPrincipal, Partition: w.partition, Account: account}
	return identity.Caller{
		Account: account, PrincipalARN: self.String(), PrincipalID: account, Type: identity.TypeRoot,
		Permissions: &identity.Permissions{Root: true, ID: account},
	}
}

// named is who a grantee is when a record had been written, as identity.Directory's
// Principal says; nil if he is not there.
func (w *World) named(name string, order uint64) *identity.Caller {
	p := arn.ParsePrincipal(name)
	a := w.accounts[p.Account]
	if p.Kind == arn.NoPrincipal || a == nil || a.since > order || p.Partition != "" && p.Partition != w.partition {
		return nil
	}
	if p.Kind == arn.AccountPrincipal {
		c := w.root(p.Account)
		return &c
	}
	kind := record.KindRole
	if p.Kind == arn.User {
		kind = record.KindUser
	}
	stored := a.principals[who{kind, strings.ToLower(p.Name)}]
	if stored == nil {
		return nil
	}
	c := stored.at(order)
	if c == nil {
		return nil
	}
	have := arn.ParsePrincipal(c.PrincipalARN)
	if have.Name != p.Name || p.Kind != arn.RoleSession && have.Path != p.Path {
		return nil
	}
	if p.Kind == arn.RoleSession {
		session := *c
		session.Type, session.PrincipalARN, session.PrincipalID = identity.TypeSession, name, c.PrincipalID+":"+p.Session
		session.Session = &identity.Session{Name: p.Session, RoleARN: c.PrincipalARN, RoleName: p.Name}
		return &session
	}
	return c
}
