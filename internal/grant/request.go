package grant

import (
	"maps"
	"slices"

	"trent/internal/api"
	"trent/internal/arn"
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
	var pairs api.EncryptionContext
	if g.Constraint, pairs = Constraint(c); g.Constraint != "" {
		g.Context = make(map[string]string, len(pairs))
	}
	for _, p := range pairs {
		g.Context[p.Key] = p.Value
	}
	return g
}

// Constraint is the encryption context constraint that a request gives, "" if it
// gives none. Pairs that are none are none: they would constrain nothing, and must
// not pass for a constraint. c may be nil.
func Constraint(c *api.GrantConstraints) (kind string, pairs api.EncryptionContext) {
	switch {
	case c == nil:
	case len(c.EncryptionContextEquals) > 0:
		return Equals, c.EncryptionContextEquals
	case len(c.EncryptionContextSubset) > 0:
		return Subset, c.EncryptionContextSubset
	}
	return "", nil
}

// Principal is a principal that a request names as a grant in the partition keeps
// it: his ARN, of an account id the root user's. ok is false if the name has the
// form of nobody there.
func Principal(name, partition string) (principal string, ok bool) {
	p := arn.ParsePrincipal(name)
	if p.Kind == arn.NoPrincipal || p.Partition != "" && p.Partition != partition {
		return "", false
	}
	p.Partition = partition
	return p.String(), true
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
