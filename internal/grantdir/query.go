package grantdir

import (
	"maps"
	"slices"

	"trent/internal/awsjson"
	"trent/internal/blobheader"
	"trent/internal/grant"
	"trent/internal/policy"
)

// query is one question to an index. The hashes of the request's context are
// made when there are grants that need them.
type query struct {
	*grant.Ask
	context []awsjson.Pair // that constraints are held against
	exact   bool           // it is all that there may be: an Equals can hold
	pairs   []hash         // of the context
}

// newQuery returns a question. What constraints are held against is the
// request's context, or the constraint of the grant that CreateGrant is to make,
// which must be as strict as its parent's.
func newQuery(a *grant.Ask) query {
	q := query{Ask: a, context: a.Context, exact: true}
	if a.Operation == grant.CreateGrant {
		q.context, q.exact = nil, false
		if c := a.Child; c != nil && c.Constraint != "" {
			q.context, q.exact = pairsOf(c.Context), c.Constraint == grant.Equals
		}
	}
	return q
}

// under looks through the grants of one grantee.
func (q *query) under(via policy.Via, w *granted) (policy.Via, string) {
	if w == nil {
		return policy.ViaNothing, ""
	}
	if e := q.first(w.freely(q.Operation)); e != nil {
		return via, e.id
	}
	if q.Operation&contextual == 0 {
		return policy.ViaNothing, ""
	}
	if q.exact && len(w.equal) > 0 {
		if e := q.first(w.equal[blobheader.ContextHash(q.context)]); e != nil {
			return via, e.id
		}
	}
	if len(w.subset) == 0 {
		return policy.ViaNothing, ""
	}
	if len(q.pairs) == 0 {
		for i := range q.context {
			q.pairs = append(q.pairs, blobheader.ContextHash(q.context[i:i+1]))
		}
	}
	for _, p := range q.pairs {
		if e := q.first(w.subset[p]); e != nil {
			return via, e.id
		}
	}
	return policy.ViaNothing, ""
}

func pairsOf(context map[string]string) (pairs []awsjson.Pair) {
	for _, name := range slices.Sorted(maps.Keys(context)) {
		pairs = append(pairs, awsjson.Pair{Key: name, Value: context[name]})
	}
	return pairs
}

// first is the first of some grants that allows what is asked.
func (q *query) first(list []*entry) *entry {
	for _, e := range list {
		if e.operations&q.Operation != 0 && q.inherits(e) && q.includes(e) {
			return e
		}
	}
	return nil
}

// includes reports whether the context has all pairs of a Subset. What stands
// under the hash of a whole context has been compared.
func (q *query) includes(e *entry) bool {
	if e.kind != grant.Subset || q.Operation&contextual == 0 {
		return true
	}
	for _, p := range e.pairs {
		if !slices.Contains(q.pairs, p) {
			return false
		}
	}
	return true
}

// inherits reports whether a grant may be made through another: no more
// operations, and the same resource.
func (q *query) inherits(e *entry) bool {
	if q.Operation != grant.CreateGrant {
		return true
	}
	return q.Child != nil && grant.SetOf(q.Child.Operations)&^e.operations == 0 && (e.source == "" || e.source == q.Child.SourceARN)
}
