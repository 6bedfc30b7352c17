package evidence

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"trent/internal/digest"
	"trent/internal/evidence/replay"
)

// Report is what is known when records and keys have been taken.
type Report struct {
	Collector *Collector
	Prover    *Prover
	Made      time.Time
	Service   *Service // nil: none was asked
	Parts     Parts    // nil: one HTML file, however many keys there are
	// Progress, if not nil, is told now and then how many keys were written.
	Progress func(keys int)
}

// Write writes the report in both forms, and returns what stands at its begin. It
// may be called once, after Prover.Verify.
func (r *Report) Write(asJSON, asHTML io.Writer) (*Head, error) {
	r.beginReplay(r.Prover)
	x, err := r.Collector.index()
	if err != nil {
		return nil, err
	}
	head := &Head{Type: Type, Made: r.Made, Period: r.Collector.period, Scope: r.Collector.scope, Service: r.Service}
	if head.Trail, err = r.Prover.trail(head.Period); err != nil {
		return nil, err
	}
	r.conclude(x, &head.Trail)
	head.Summary = r.Collector.summary
	page, err := newPage(asHTML, head, x, r.Parts)
	if err != nil {
		return nil, err
	}
	w := &writer{Report: r, index: x, json: &jsonWriter{w: bufio.NewWriterSize(asJSON, 1<<16)}, page: page, cited: map[cited]bool{}, questions: maxQuestions}
	w.json.head(head)
	if err := r.Collector.each(w.row); err != nil {
		return nil, err
	}
	if err := w.end(head); err != nil {
		return nil, err
	}
	return head, nil
}

// conclude states of every key without a use that there was none, and of every key
// whether who could use it was always the same.
func (r *Report) conclude(x *index, t *Trail) {
	for _, e := range x.entries {
		if e.section != sectionKey {
			continue
		}
		r.Collector.steady(e, t)
		if e.Calls > 0 {
			continue
		}
		e.Unused = &Absence{Proven: t.Complete, Until: t.Until, Why: t.Why, Nodes: r.Prover.bounds()}
		if t.Complete {
			r.Collector.summary.Absent++
		}
	}
}

// cited is a digest that a change refers to.
type cited struct {
	node   string
	number uint64
}

// maxCited bounds the digests that a report brings along; all others are in the
// trail's folder.
const maxCited = 10_000

// writer writes both forms, row by row.
type writer struct {
	*Report
	index *index
	json  *jsonWriter
	page  *page
	cited map[cited]bool

	replay    *replay.Key // of the section that is open
	questions int         // that the replay may still ask

	at      int // in the index
	entry   *entry
	key     Key
	begun   map[string][]*begun // of the key, by name
	list    string              // the list that is open: a kind of rows; "": the section's head is not written yet
	section string
}

// row writes a row.
func (w *writer) row(r row) error {
	if w.entry == nil || w.entry.section != r.section || w.entry.about != r.about {
		if w.at == len(w.index.entries) || w.index.entries[w.at].section != r.section || w.index.entries[w.at].about != r.about {
			return nil // of what does not exist
		}
		if err := w.endSection(); err != nil {
			return err
		}
		if err := w.begin(); err != nil {
			return err
		}
	}
	switch r.kind {
	case rowNow:
		return json.Unmarshal(r.value, &w.key.Now)
	case rowBegin:
		var b begun
		if err := json.Unmarshal(r.value, &b); err != nil {
			return err
		}
		name, _, _ := strings.Cut(r.order, "\x00")
		w.begun[name] = append(w.begun[name], &b)
	case rowChange:
		var c Change
		if err := json.Unmarshal(r.value, &c); err != nil {
			return err
		}
		w.prove(&c.Proof)
		w.Prover.include(&c)
		w.open(rowChange)
		w.json.element(&c)
		w.page.change(&c)
	case rowUse:
		u := r.use()
		w.open(rowUse)
		w.json.element(&u)
		w.page.use(&u)
	case rowReplay:
		return w.replayed(r.value)
	}
	return w.json.err
}

// prove fills in which digest covers a record.
func (w *writer) prove(p *Proof) {
	if p.Digest = w.Prover.covering(p.Node, p.Sequence); p.Digest > 0 && len(w.cited) < maxCited {
		w.cited[cited{p.Node, p.Digest}] = true
	}
}

// begin begins the next section of the index.
func (w *writer) begin() error {
	w.entry, w.list = w.index.entries[w.at], ""
	w.at++
	if w.entry.section != w.section {
		if w.section != "" {
			w.json.closeList()
		}
		w.json.openList(map[string]string{sectionKey: "keys", sectionAccount: "accounts", sectionService: "administration"}[w.entry.section])
		w.section = w.entry.section
	}
	w.key, w.begun = Key{Begin: map[string]*Earlier{}}, map[string][]*begun{}
	w.replay = w.Collector.world.Key(w.entry.ARN)
	if w.Progress != nil && w.at%1000 == 0 {
		w.Progress(w.at)
	}
	return w.page.begin(w.entry)
}

// open opens a list of rows, after the section's head.
func (w *writer) open(list string) {
	if w.list == list {
		return
	}
	if w.list == "" {
		w.sectionHead()
	}
	if w.list != rowChange { // none were there
		w.json.openList("changes")
	}
	if list == rowUse {
		w.json.closeList()
		w.json.openList("uses")
	}
	w.list = list
}

// sectionHead writes what stands before a section's lists.
func (w *writer) sectionHead() {
	switch w.entry.section {
	case sectionKey:
		p := splitPlace(w.entry.about)
		w.key.Region, w.key.Account, w.key.ID = p.region, p.account, p.id
		w.key.ARN = w.entry.ARN
		for name, rows := range w.begun {
			w.key.Begin[name] = w.beginOf(rows)
		}
		w.json.object(&w.key)
	case sectionAccount:
		w.json.object(map[string]string{"account": w.entry.about})
	default:
		w.json.object(map[string]string{"service": "trent"})
	}
	w.page.key(&w.key)
}

// endSection ends the section that is open, if one is.
func (w *writer) endSection() error {
	if w.entry == nil {
		return nil
	}
	w.open(rowUse)
	w.json.closeList()
	if w.entry.section == sectionKey {
		t := w.timeline()
		w.json.members(&w.entry.Tail)
		w.json.member("timeline", &t)
		w.page.section.Timeline = &t
	}
	w.json.closeObject()
	return cmp.Or(w.json.err, w.page.end())
}

// end ends the report: the digests that it refers to, and what it does not show.
func (w *writer) end(head *Head) error {
	if err := w.endSection(); err != nil {
		return err
	}
	if w.section != "" {
		w.json.closeList()
	}
	for _, b := range w.Prover.bounds() {
		w.cited[cited{b.Node, b.First}], w.cited[cited{b.Node, b.Last}] = true, true
	}
	w.json.openList("digests")
	for _, c := range sortedCited(w.cited) {
		d, err := digest.Read(w.Prover.Folder, c.node, c.number)
		if err != nil {
			return fmt.Errorf("digest %d of node %s: %w", c.number, c.node, err)
		}
		w.json.element(describe(d))
	}
	w.json.closeList()
	w.json.member("checkpoints", w.Prover.checkpoints())
	limits := limits(head)
	w.json.member("limits", limits)
	w.json.raw("}\n")
	return errors.Join(w.json.flush(), w.page.finish(limits))
}

// Digest is a digest that a report refers to.
type Digest struct {
	Node       string      `json:"node"`
	Number     uint64      `json:"number"`
	Statement  string      `json:"statement"` // the signed bytes
	Signatures []Signature `json:"signatures"`
}

// Signature is one of a digest's.
type Signature struct {
	Algorithm string `json:"algorithm"`
	KeyID     string `json:"keyId"`
	Signature string `json:"signature"` // base64
}

func describe(d *digest.Digest) Digest {
	out := Digest{Node: d.Node, Number: d.Number, Statement: string(d.Signed)}
	for _, s := range d.Signatures {
		out.Signatures = append(out.Signatures, Signature{s.Algorithm, s.KeyID, base64.StdEncoding.EncodeToString(s.Bytes)})
	}
	return out
}
