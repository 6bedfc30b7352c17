package explain

import (
	"context"
	"maps"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/grant"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
)

// maxGrants bounds the grants that an answer shows, and a page's ways of access
// through grants.
const maxGrants = 1000

// AddGrant adds a grant on the request's key to an answer, if it names the
// principal. full says that no more are shown.
func (a *Answer) AddGrant(r *authz.Request, d *authz.Decision, id string, g *record.Grant) (full bool) {
	p := r.Principal()
	if grant.Covers(g.Grantee, g.GranteeID, &p) == policy.ViaNothing {
		return false
	}
	if len(a.Grants) == maxGrants {
		return true
	}
	shown := Grant{ID: id, Name: g.Name, Grantee: g.Grantee, Operations: g.Operations, Constraint: constraint(g), Decides: d.Grant.ID == id}
	ask := grant.Ask{Operation: grant.OfAction(r.Action), Context: []awsjson.Pair(r.EncryptionContext())}
	if in, ok := r.In.(*api.CreateGrantRequest); ok {
		ask.Child = grant.Requested(in)
	}
	switch shown.Applies = grant.Allows(g, &p, &ask) != policy.ViaNothing; {
	case shown.Applies:
		shown.Why = "it allows"
	case grant.SetOf(g.Operations)&ask.Operation == 0:
		shown.Why = "it is not about " + r.Action
	case r.Op == api.OpCreateGrant:
		shown.Why = "it allows to make grants that allow no more than it"
	default:
		shown.Why = "its constraint does not hold: " + shown.Constraint
	}
	a.Grants = append(a.Grants, shown)
	return false
}

// constraint is a grant's constraint for people; "" if it has none.
func constraint(g *record.Grant) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(g.Context)) {
		parts = append(parts, name+"="+g.Context[name])
	}
	text := ""
	if g.Constraint != "" {
		text = g.Constraint + " " + list(parts)
	}
	if g.SourceARN != "" {
		text = strings.TrimPrefix(text+" and SourceArn "+g.SourceARN, " and ")
	}
	return text
}

// Grantee returns what a grant allows. c is its grantee, nil if he is not on
// this server: what may be denied to him is not known then.
func (s *Survey) Grantee(ctx context.Context, c *identity.Caller, id string, g *record.Grant) (Holder, error) {
	h := Holder{Principal: g.Grantee + g.GranteeService, Type: TypeGrantee, Access: []Access{}}
	if c != nil && c.Type == identity.TypeRole {
		c = session(c)
	}
	operations := grant.SetOf(g.Operations)
	for _, q := range s.actions {
		if operations&grant.OfAction(q.name) == 0 {
			continue
		}
		conditions := []string{}
		if text := constraint(g); text != "" && (grant.OfAction(q.name)&grant.WithContext != 0 || g.SourceARN != "") {
			conditions = append(conditions, text)
		}
		if c != nil {
			further, ok, err := s.granted(ctx, c, id, g, q)
			if err != nil || !ok {
				if err != nil {
					return h, err
				}
				continue
			}
			conditions = append(conditions, further...)
		}
		h.add(q, []string{"grant " + id}, conditions)
	}
	for i := range h.Access {
		h.Access[i].Grants = 1
	}
	s.complete(&h)
	return h, nil
}

// granted reports whether a grant's Allow holds against all policies, and what
// they demand besides.
func (s *Survey) granted(ctx context.Context, c *identity.Caller, id string, g *record.Grant, q question) (conditions []string, ok bool, err error) {
	best, worst := s.request(c, q, true), s.request(c, q, false)
	p := best.Principal()
	a := authz.Authorizer{Grants: thisGrant{ID: id, Via: grant.Covers(g.Grantee, g.GranteeID, &p)}}
	d, err := a.Decide(ctx, best)
	if err != nil || !d.Allowed || a.Grants.(thisGrant).Via == policy.ViaNothing {
		return nil, false, err
	}
	against, err := a.Decide(ctx, worst)
	if err != nil || against.Allowed {
		return nil, err == nil, err
	}
	return s.unless(d, against, c, q), true, nil
}

// thisGrant is the only grant that there is.
type thisGrant authz.Granted

// Find implements authz.Grants.
func (g thisGrant) Find(context.Context, *authz.Request) (authz.Granted, error) {
	return authz.Granted(g), nil
}

// AddGrantee adds a grantee to a page, together with what other grants gave him
// in the same way.
func (p *Page) AddGrantee(h Holder) {
	if len(h.Access) == 0 {
		return
	}
	i := slices.IndexFunc(p.Holders, func(o Holder) bool { return o.Type == TypeGrantee && o.Principal == h.Principal })
	if i < 0 {
		if p.ways++; p.ways > maxGrants {
			p.Unlisted++
			return
		}
		p.Holders = append(p.Holders, h)
		return
	}
	const named = 3 // grants of one way that are named
	of := &p.Holders[i]
	for _, a := range h.Access {
		j := slices.IndexFunc(of.Access, func(o Access) bool { return slices.Equal(o.Actions, a.Actions) && slices.Equal(o.If, a.If) })
		switch {
		case j >= 0:
			if of.Access[j].Grants++; len(of.Access[j].Through) < named {
				of.Access[j].Through = append(of.Access[j].Through, a.Through...)
			}
		case p.ways < maxGrants:
			p.ways++
			of.Access = append(of.Access, a)
		default:
			p.Unlisted++
		}
	}
}
