package grant

import (
	"maps"
	"slices"

	"trent/internal/api"
	"trent/internal/record"
)

// Requested is the grant that a CreateGrant request asks for, before its
// principals are looked up and without who issues it.
func Requested(in *api.CreateGrantRequest) *record.Grant {
	g := &record.Grant{
		Name: in.Name, Grantee: in.GranteePrincipal, GranteeService: in.GranteeServicePrincipal,
		Retiring: in.RetiringPrincipal, RetiringService: in.RetiringServicePrincipal,
	}
	for _, operation := range in.Operations {
		if !slices.Contains(g.Operations, operation) {
			g.Operations = append(g.Operations, operation)
		}
	}
	c := in.Constraints
	if c == nil {
		return g
	}
	g.SourceARN = c.SourceArn
	switch {
	case c.Has(api.GrantConstraintsEncryptionContextEquals):
		g.Constraint, g.Context = Equals, contextMap(c.EncryptionContextEquals)
	case c.Has(api.GrantConstraintsEncryptionContextSubset):
		g.Constraint, g.Context = Subset, contextMap(c.EncryptionContextSubset)
	}
	return g
}

func contextMap(pairs api.EncryptionContext) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		m[p.Key] = p.Value
	}
	return m
}

// Pairs is a constraint's encryption context as a request would have it.
func Pairs(g *record.Grant) api.EncryptionContext {
	pairs := make(api.EncryptionContext, 0, len(g.Context))
	for _, name := range slices.Sorted(maps.Keys(g.Context)) {
		pairs = append(pairs, api.Pair{Key: name, Value: g.Context[name]})
	}
	return pairs
}

// Constraints are a grant's constraints as lists show them; nil if it has none.
func Constraints(g *record.Grant) *api.GrantConstraints {
	if g.Constraint == "" && g.SourceARN == "" {
		return nil
	}
	c := &api.GrantConstraints{SourceArn: g.SourceARN}
	switch g.Constraint {
	case Equals:
		c.EncryptionContextEquals = Pairs(g)
	case Subset:
		c.EncryptionContextSubset = Pairs(g)
	}
	return c
}
