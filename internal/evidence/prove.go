package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/tlog"
)

// Prover verifies the trail while a Collector takes its records, and knows then
// which digest holds which record.
type Prover struct {
	Folder  string // of the trail
	Logs    string // folder of the transparency logs; "": none
	Options digest.Options

	report  *digest.Report
	digests map[string][]fit
	broken  map[string]bool // nodes of which something is wrong
	logs    map[string]*nodeLog
}

// nodeLog is a node's transparency log.
type nodeLog struct {
	files tlog.Files
	file  []byte // the checkpoint
	size  uint64
}

// fit is a digest that fits the records.
type fit struct{ sequence, number uint64 }

// Verify verifies the trail and hands its records to a collector.
func (p *Prover) Verify(c *Collector) (err error) {
	p.digests, p.broken = map[string][]fit{}, map[string]bool{}
	o := p.Options
	o.Visit = func(r audit.Record) { c.Record(r) }
	o.Fits = func(d digest.Fit) {
		p.digests[d.Node] = append(p.digests[d.Node], fit{d.Sequence, d.Number})
	}
	if p.report, err = digest.Verify(p.Folder, o); err != nil {
		return err
	}
	for _, f := range p.report.Findings {
		p.broken[f.Node] = true
	}
	p.openLogs()
	return c.Err()
}

// openLogs reads the checkpoints. A log that is not there, or is damaged, proves
// nothing, and takes nothing away from what the digests do.
func (p *Prover) openLogs() {
	p.logs = map[string]*nodeLog{}
	for _, n := range p.report.Nodes {
		id, err := hex.DecodeString(n.Node)
		if err != nil || len(id) != 16 || p.Logs == "" {
			continue
		}
		l := nodeLog{files: tlog.FilesOf(p.Logs, [16]byte(id))}
		if l.file, err = l.files.Checkpoint(); err != nil {
			continue
		}
		if c, err := tlog.ParseCheckpoint(l.file); err == nil {
			l.size = c.Size
			p.logs[n.Node] = &l
		}
	}
}

// include adds the proof that a record is in the log, if it is.
func (p *Prover) include(c *Change) {
	l, chain := p.logs[c.Proof.Node], c.Proof.Chain
	if l == nil || c.Proof.Digest == 0 || c.Proof.Sequence > l.size {
		return
	}
	b, err := base64.StdEncoding.DecodeString(chain)
	if err != nil {
		return
	}
	r, err := audit.Rechain(b, []byte(c.Record))
	if err != nil {
		return
	}
	if file, err := l.files.Prove(l.file, &r); err == nil {
		c.Proof.Inclusion, c.Proof.Size = strings.TrimSuffix(string(file), string(l.file)), l.size
	}
}

// checkpoints are those of the logs.
func (p *Prover) checkpoints() []Checkpoint {
	all := []Checkpoint{}
	for _, n := range p.report.Nodes {
		if l := p.logs[n.Node]; l != nil {
			all = append(all, Checkpoint{n.Node, l.size, string(l.file)})
		}
	}
	return all
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
