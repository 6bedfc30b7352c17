package evidence

import (
	"slices"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
)

// Prover verifies the trail while a Collector takes its records, and knows then
// which digest holds which record.
type Prover struct {
	Folder  string // of the trail
	Options digest.Options

	report  *digest.Report
	digests map[string][]fit
	broken  map[string]bool // nodes of which something is wrong
}

// fit is a digest that fits the records.
type fit struct{ sequence, number uint64 }

// Verify verifies the trail and hands its records to a collector.
func (p *Prover) Verify(c *Collector) (err error) {
	p.digests, p.broken = map[string][]fit{}, map[string]bool{}
	o := p.Options
	o.Visit = func(r audit.Record) { c.Record(r) }
	o.Fits = func(d *digest.Digest) {
		p.digests[d.Node] = append(p.digests[d.Node], fit{d.Sequence, d.Number})
	}
	if p.report, err = digest.Verify(p.Folder, o); err != nil {
		return err
	}
	for _, f := range p.report.Findings {
		p.broken[f.Node] = true
	}
	return c.Err()
}

// Sound reports whether nothing is wrong with the trail.
func (p *Prover) Sound() bool { return p.report.Sound() }

// covering is the number of the first digest that covers a record of a node; 0: none
// does, or something is wrong with the node's trail, so that nothing is said of it.
func (p *Prover) covering(node string, sequence uint64) uint64 {
	if p.broken[node] || p.broken[""] || p.report.More > 0 {
		return 0
	}
	all := p.digests[node]
	i, _ := slices.BinarySearchFunc(all, sequence, func(f fit, s uint64) int {
		if f.sequence < s {
			return -1
		}
		return 1 // the first that is not before it
	})
	if i == len(all) {
		return 0
	}
	return all[i].number
}

// bounds are the digests of every node that has any; the records of a period stand
// between them.
func (p *Prover) bounds() []Bounds {
	all := []Bounds{}
	for _, n := range p.report.Nodes {
		if fits := p.digests[n.Node]; len(fits) > 0 {
			all = append(all, Bounds{Node: n.Node, First: fits[0].number, Last: fits[len(fits)-1].number})
		}
	}
	return all
}

// trail is what the report says of the trail.
func (p *Prover) trail(period Period) (t Trail, err error) {
	t = Trail{Sound: p.Sound(), Report: p.report, Why: p.report.Lacks(period.From, period.To), PublicKeys: []PublicKey{}}
	if t.Complete = t.Why == ""; t.Complete {
		t.Until = period.To
	} else {
		t.Until = p.until(period)
	}
	keys := p.Options.Keys
	if len(keys) == 0 {
		beside, err := digest.Keys(p.Folder)
		if err != nil {
			return t, err
		}
		for _, spki := range beside {
			keys = append(keys, spki)
		}
	}
	for _, spki := range keys {
		t.PublicKeys = append(t.PublicKeys, PublicKey{digest.KeyID(spki), digest.Algorithm(spki), string(digest.PEM(spki))})
	}
	slices.SortFunc(t.PublicKeys, func(a, b PublicKey) int { return compare(a.Algorithm+a.ID, b.Algorithm+b.ID) })
	return t, nil
}

// until is up to when the trails have all records from a period's begin on; zero
// if they lack some from there on.
func (p *Prover) until(period Period) (last time.Time) {
	for _, n := range p.report.Nodes {
		at, err := time.Parse(time.RFC3339, n.CoveredAt)
		at = at.Add(-digest.LongestCall).Truncate(time.Second)
		if err == nil && at.After(last) && at.After(period.From) && at.Before(period.To) && p.report.Lacks(period.From, at) == "" {
			last = at.UTC()
		}
	}
	return last
}
