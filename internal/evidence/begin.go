package evidence

import (
	"encoding/json"
	"slices"

	"trent/internal/digest"
)

// What a key's begin has.
const (
	beginPolicy = "policy"
	beginState  = "state"
)

// begun is what the records of one node before the period lead to: the last, and of
// states what all of them together make of the one before.
type begun struct {
	Earlier
	Then *transition `json:"then,omitempty"` // nil: not a state
}

// begun takes what a change before the period says of a key. A row is of one node,
// whose records come in their order; the nodes' order is known when all are read.
func (c *Collector) begun(e *event, p place, proof Proof) {
	add := func(name string, b begun) {
		b.Proof = proof
		c.addJSON(sectionKey, p.about(), rowBegin, name+"\x00"+proof.Node, b)
	}
	if text, ok := e.policyOf(); ok {
		if e.Additional.OutcomeUnknown != "" {
			text = "(unknown: whether the call of " + e.EventName + " has changed it)"
		}
		add(beginPolicy, begun{Earlier: Earlier{Value: text}})
	}
	if t, ok := e.transition(p); ok {
		add(beginState, begun{Then: &t})
	}
}

// mergeBegun makes one row of two of the same node.
func mergeBegun(earlier, later []byte) []byte {
	var a, b begun
	if json.Unmarshal(earlier, &a) != nil || json.Unmarshal(later, &b) != nil {
		return later // a damaged file, which is found when it is read
	}
	merged, err := json.Marshal(a.before(&b))
	if err != nil {
		return later
	}
	return merged
}

// before is what both lead to, b after a.
func (a *begun) before(b *begun) *begun {
	both := *b
	if a.Then != nil && b.Then != nil {
		t := a.Then.then(*b.Then)
		both.Then = &t
	}
	return &both
}

// beginOf is what the rows of all nodes lead to.
func (w *writer) beginOf(rows []*begun) *Earlier {
	slices.SortStableFunc(rows, func(a, b *begun) int { return w.Prover.compare(&a.Proof, &b.Proof) })
	all := rows[0]
	for _, next := range rows[1:] {
		all = all.before(next)
	}
	e := &all.Earlier
	if all.Then != nil {
		e.Value = all.Then.after().String()
	}
	if c := w.Collector; !c.replaced.IsZero() && !e.Proof.Time.After(c.replaced) {
		e.Unsure = "the service's state or its trail was replaced after that record, at " + moment(c.replaced) + " (" + c.replacedName + ")"
	}
	w.prove(&e.Proof)
	return e
}

// compare puts records in the order in which they were written: a trail after the
// one that it follows, and otherwise by their time.
func (p *Prover) compare(a, b *Proof) int {
	switch {
	case a.Node == b.Node && a.Sequence < b.Sequence, p.follows(b.Node, a.Node):
		return -1
	case a.Node == b.Node && a.Sequence > b.Sequence, p.follows(a.Node, b.Node):
		return 1
	}
	return a.Time.Compare(b.Time)
}

// follows reports whether a node's trail was begun in another's place, or in that of
// one that was.
func (p *Prover) follows(node, earlier string) bool {
	for range p.report.Nodes { // more often it cannot be
		i := slices.IndexFunc(p.report.Nodes, func(n digest.NodeReport) bool { return n.Node == node })
		if i < 0 || p.report.Nodes[i].Predecessor == "" {
			return false
		}
		if node = p.report.Nodes[i].Predecessor; node == earlier {
			return true
		}
	}
	return false
}
