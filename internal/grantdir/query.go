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
// made when a grant is found that needs them.
type query struct {
	*grant.Ask
	operation int // number of Ask.Operation

	hashed  bool
	exact   bool // it is all that there may be: an Equals can hold
	context hash
	pairs   []hash
	stack   [4]hash
}

// under looks through the grants of one grantee.
func (q *query) under(via policy.Via, w *granted) (policy.Via, string) {
	if w == nil {
		return policy.ViaNothing, ""
	}
	if e := q.first(w.free[q.operation]); e != nil {
		return via, e.id
	}
	if q.Operation&contextual == 0 || len(w.equal)+len(w.subset) == 0 {
		return policy.ViaNothing, ""
	}
	q.hash()
	if q.exact {
		if e := q.first(w.equal[q.context]); e != nil {
			return via, e.id
		}
	}
	for _, p := range q.pairs {
		if e := q.first(w.subset[p]); e != nil {
			return via, e.id
		}
	}
	return policy.ViaNothing, ""
}

// hash makes the hashes: of the request's context, or of the constraint of the
// grant that CreateGrant is to make, which must be as strict as its parent's.
func (q *query) hash() {
	if q.hashed {
		return
	}
	q.hashed = true
	context := q.Context
	q.exact = true
	if q.Operation == grant.CreateGrant {
		context = nil
		if q.exact = q.Child != nil && q.Child.Constraint == grant.Equals; q.Child != nil && q.Child.Constraint != "" {
			context = pairsOf(q.Child.Context)
		}
	}
	q.context = blobheader.ContextHash(context)
	q.pairs = q.stack[:0]
	for _, p := range context {
		q.pairs = append(q.pairs, pairHash(p))
	}
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
