package digest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// known is a record whose hash is known from elsewhere.
//
// A year has a hundred thousand digests: of each no more is kept than this.
type known struct {
	sequence uint64
	hash     [32]byte
	number   uint64 // of the digest; 0: a head that was given
	after    uint64 // of a digest: the last record that the one before covers
	made     int64  // of a digest: Unix milliseconds
	behind   bool   // of a digest: it has the time of the one before, and the clock was behind that
}

// time is that of the digest's making.
func (k *known) time() time.Time { return time.UnixMilli(k.made).UTC() }

// what says what covers, or names, the record.
func (k *known) what() string {
	if k.number == 0 {
		return "the given head"
	}
	return fmt.Sprintf("digest %d of %s", k.number, k.time().Format(timeLayout))
}

// nodeCheck verifies one node's records, which it is handed in order.
type nodeCheck struct {
	NodeReport
	report     *Report
	options    *Options
	name       string
	folder     string // of the digests
	keys       map[string][]byte
	lastDigest *Digest
	sealed     map[place]*audit.Sealed // by what digests say, the last word
	failed     error                   // of the disk
	lastNumber uint64                  // of the digests
	known      []known                 // in order of sequence
	after      uint64                  // the record that the next one is to follow
	seen       int                     // of known, those that the records have passed
	differs    bool                    // a known hash did not fit: nor will those after it
	trees      []Tree                  // in order of size
	tree       tlog.Tree
	latest     time.Time // of the records that the last digest covers, by their own
	reach      time.Time // the first time of a record behind the last digest; zero: there is none
}

func (n *nodeCheck) find(format string, args ...any) { n.report.find(n.name, format, args...) }

func (n *nodeCheck) sortKnown() {
	slices.SortStableFunc(n.known, func(a, b known) int { return cmp.Compare(a.sequence, b.sequence) })
	slices.SortStableFunc(n.trees, func(a, b Tree) int { return cmp.Compare(a.Size, b.Size) })
}

// fault is told of what is wrong in the files.
func (n *nodeCheck) fault(f audit.Fault) {
	if f.Torn {
		n.Torn = true
		return
	}
	n.find("segment %d of epoch %d, offset %d: %s", f.Segment, f.Epoch, f.Offset, f.Text)
}

// record is told of every record that can be read.
func (n *nodeCheck) record(r audit.Record) {
	if n.First == 0 {
		n.begin(r.Sequence)
	}
	n.Records++
	n.Last = r.Sequence
	n.begins(&r)
	n.times(&r)
	n.Bytes += int64(len(r.JSON))
	for n.seen < len(n.known) && n.known[n.seen].sequence <= r.Sequence {
		n.compare(&n.known[n.seen], &r)
		n.seen++
	}
	n.grow(&r)
	if n.options.Visit != nil {
		n.options.Visit(r)
	}
	const every = 1 << 14 // records
	if n.options.Progress != nil && n.Records%every == 0 {
		n.options.Progress(n.Bytes)
	}
}

// begin takes the first record that is there.
func (n *nodeCheck) begin(first uint64) {
	n.First = first
	if first > n.after+1 {
		n.find("records %d to %d are missing", n.after+1, first-1)
	}
}

// compare holds a record against what is known of it.
func (n *nodeCheck) compare(k *known, r *audit.Record) {
	switch {
	case k.sequence < n.First: // moved away
	case r.Sequence != k.sequence:
		n.find("record %d, which %s covers, is missing", k.sequence, k.what())
	case r.Hash == k.hash:
		n.cover(k)
	case n.differs: // all that stands behind a changed record was written anew
	default:
		n.differs = true
		n.find("record %d is not the one that %s covers: something was changed, removed or put in between record %d and it", k.sequence, k.what(), k.after+1)
	}
}

// grow adds a record to the tree, as long as a checkpoint is to be held against it.
func (n *nodeCheck) grow(r *audit.Record) {
	if len(n.trees) == 0 {
		return
	}
	if r.Sequence > n.tree.Size()+1 && n.options.Logs != "" { // moved away, or sealed
		if err := tlog.FilesOf(n.options.Logs, r.Node).Grow(&n.tree, r.Sequence-1); err != nil {
			n.find("the log does not have the hashes of records %d to %d: %v", n.tree.Size()+1, r.Sequence-1, err)
			n.trees = nil
		}
	}
	if r.Sequence != n.tree.Size()+1 {
		return // a record is missing
	}
	n.tree.Add(r.Hash)
	for len(n.trees) > 0 && n.trees[0].Size <= n.tree.Size() {
		switch t := n.trees[0]; {
		case t.Size < n.tree.Size():
			n.find("the checkpoint of size %d cannot be checked: records of it were moved away or are sealed", t.Size)
		case n.tree.Root() != t.Root:
			n.find("records 1 to %d are not those of the checkpoint of size %d: something was changed, removed or put in between", t.Size, t.Size)
		default:
			n.Checkpoint, n.CheckpointSigners = t.Size, t.Signers
		}
		n.trees = n.trees[1:]
	}
}

// ungrown finds what checkpoints have and the trail does not.
func (n *nodeCheck) ungrown() {
	for _, t := range n.trees {
		if n.Closed > 0 && t.Size <= n.Last {
			n.find("the checkpoint of size %d is not compared: there are sealed segments that were not opened, for want of a key", t.Size)
			continue
		}
		text := ""
		if n.First > 1 && n.tree.Size() == 0 {
			text = ": older ones were moved away, and their hashes are in the log, which is not given"
		}
		n.find("a checkpoint has %d records, of which the first %d are here%s", t.Size, n.tree.Size(), text)
	}
}

func (n *nodeCheck) cover(k *known) {
	if k.number > 0 && k.sequence >= n.Covered {
		n.Covered, n.CoveredAt = k.sequence, k.time().Format(timeLayout)
		if n.options.Fits != nil {
			n.options.Fits(Fit{Node: n.name, Sequence: k.sequence, Number: k.number})
		}
	}
}

// begins notes that a trail follows another: it was begun in the place of a lost
// one, or by a restored backup. Its first record says so; in trails of services
// before 2026-11-23 it may be any, behind what had waited in the outbox.
func (n *nodeCheck) begins(r *audit.Record) {
	var e struct {
		EventName         string    `json:"eventName"`
		EventTime         time.Time `json:"eventTime"`
		EventSource       string    `json:"eventSource"`
		RequestParameters struct{ LostNode, AuditNode, Node string }
	}
	if !bytes.Contains(r.JSON, []byte("AuditTrail")) && !bytes.Contains(r.JSON, []byte("RestoreBackup")) || json.Unmarshal(r.JSON, &e) != nil ||
		e.EventSource != "trent" || e.EventName != "ReplaceAuditTrail" && e.EventName != "RestoreBackup" {
		return
	}
	if of := e.RequestParameters.Node; of != "" && of != n.name { // it was to stand in a trail that is lost itself
		return
	}
	n.Predecessor, n.Began = cmp.Or(e.RequestParameters.LostNode, e.RequestParameters.AuditNode), e.EventTime
}

// end finds what is missing behind the last record, and what time is covered.
func (n *nodeCheck) end() {
	n.ungrown()
	if n.seen < len(n.known) { // the newest segment and the newest digest are never moved away
		k := n.known[len(n.known)-1]
		n.find("records %d to %d are missing: %s covers them", max(n.Last, min(n.after, k.sequence-1))+1, k.sequence, k.what())
	} else if n.after > n.Last {
		n.find("record %d, from which on they must be there, is missing", n.after+1)
	}
	if n.Last > n.Covered {
		n.Unsigned = n.Last - max(n.Covered, n.First-1)
	}
	if n.Records > 0 && n.Covered == 0 {
		n.find("no digest covers any of its %d records", n.Records)
	}
	if n.Covered == 0 {
		return
	}
	n.covers.to = n.reached()
	n.covers.from = n.Began // zero where there was nothing before
	if n.First > 1 {
		n.covers.from = n.covers.to
		for i := range n.known { // what is missing had been written when this digest was made
			if k := &n.known[i]; k.number > 0 && k.sequence >= n.First-1 {
				n.covers.from = k.time()
				break
			}
		}
	}
}

// times notes the times of records at the trail's end: they say more of the clock
// than a digest's, which never goes back.
func (n *nodeCheck) times(r *audit.Record) {
	i := len(n.known) - 1
	for i >= 0 && n.known[i].number == 0 {
		i--
	}
	if i < 0 || r.Sequence <= n.known[i].after {
		return
	}
	var e struct {
		EventTime time.Time `json:"eventTime"`
	}
	if json.Unmarshal(r.JSON, &e) != nil || e.EventTime.IsZero() {
		return
	}
	switch {
	case r.Sequence <= n.known[i].sequence:
		n.latest = e.EventTime
	case n.reach.IsZero() || e.EventTime.Before(n.reach):
		n.reach = e.EventTime
	}
}

// reached is the time up to which the records that digests cover are all. The
// last digest's is, unless it is that of the one before: the clock was behind it
// then, and the last record says where. Records behind it that are older say that
// the clock was set back since, and nothing is known of what comes after now.
func (n *nodeCheck) reached() time.Time {
	to, _ := time.Parse(timeLayout, n.CoveredAt)
	for i := range slices.Backward(n.known) {
		k := &n.known[i]
		if k.number == 0 || k.sequence != n.Covered {
			continue
		}
		if k.behind && n.latest.Before(to) {
			to = n.latest
		}
		break
	}
	if old := n.reach.Add(LongestCall); !n.reach.IsZero() && old.Before(to) {
		to = n.reach
	}
	if n.options.Now.Before(to) {
		to = n.options.Now
	}
	return to
}

// A span is a time for which a trail has all records, and digests cover them.
type span struct{ from, to time.Time }
