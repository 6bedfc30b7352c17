package digest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// Head is a record that is known to have been in a trail: its number and hash,
// of trent status, a backup, or a digest kept elsewhere.
type Head struct {
	Node     [16]byte
	Sequence uint64
	Hash     [32]byte
}

// Tree is the Merkle tree that a node's trail is known to have had at a size: that
// of a checkpoint of its transparency log.
type Tree struct {
	Node [16]byte
	Size uint64
	Root [32]byte
	// Signers are the names of those whose signatures were verified.
	Signers []string
}

// Options of a verification.
type Options struct {
	// Keys are the public keys (SPKI) that are trusted. Without any, the ones beside
	// the digests are taken, which whoever edits the digests can replace: the
	// report says so.
	Keys [][]byte
	// Heads must stand in the trail.
	Heads []Head
	// Trees must be those of the trail.
	Trees []Tree
	// Logs is the folder of the transparency logs, which have the hashes of records
	// that were moved away; they are believed if the tree's root is right. "" is none.
	Logs string
	// From is, of nodes of which the begin of the trail was moved away, the first
	// record that must be there; of others it is 1.
	From map[[16]byte]uint64
	// ApprovedOnly takes digests without an ML-DSA signature, as they are made under
	// fips: strict.
	ApprovedOnly bool
	// Now is the time of the verification: nothing is proven of what comes after it.
	// Zero is the clock's.
	Now time.Time
	// Opener opens sealed segments; nil: they are verified as they are stored.
	Opener audit.Opener
	// Visit, if not nil, is told of every record that can be read.
	Visit func(audit.Record)
	// Fits, if not nil, is told of every digest whose signatures are valid and whose
	// last record is the one that stands there, in order, before that record is
	// visited. Whether the records before it are sound is in the report.
	Fits func(Fit)
	// Progress, if not nil, is told now and then how many bytes of records were read.
	Progress func(bytes int64)
}

// Fit is a digest that fits a trail.
type Fit struct {
	Node             string
	Sequence, Number uint64 // of the last record that it covers, and its own
}

// Finding is something that is wrong with a trail.
type Finding struct {
	Node string `json:"node"`
	What string `json:"what"`
}

// NodeReport is what was found of one node's trail.
type NodeReport struct {
	Node      string `json:"node"`
	Records   uint64 `json:"records"`
	First     uint64 `json:"firstRecord"` // 0: none
	Last      uint64 `json:"lastRecord"`
	Digests   int    `json:"digests"`
	Covered   uint64 `json:"coveredRecord"` // the last record that a valid digest covers
	CoveredAt string `json:"coveredTime,omitempty"`
	Unsigned  uint64 `json:"unsignedRecords"` // behind the last digest
	// Checkpoint is the size of the largest of the given checkpoints that fits: the
	// records up to it are those that it was signed of. 0: none.
	Checkpoint uint64 `json:"checkpointRecord,omitempty"`
	// CheckpointSigners are those whose signatures of it were verified. Empty: it was
	// believed as it was given.
	CheckpointSigners []string `json:"checkpointSigners,omitempty"`
	Torn              bool     `json:"tornEnd"` // the newest segment's end is torn, as a crash leaves it
	// Predecessor is the node whose trail this one follows; "" if there was none.
	// Began is the time of the record that says so.
	Predecessor string    `json:"predecessor,omitempty"`
	Began       time.Time `json:"began,omitzero"`

	// SetBack is how many digests say a time at which the clock had stood before: it
	// was set back, or had been ahead.
	SetBack int `json:"digestsWithClockBehind,omitempty"`

	covers span  // the time for which all records are here and covered
	Bytes  int64 `json:"bytes"`

	// Sealed are the segments that are encrypted, and Closed the records of those
	// that were not opened: they are counted among Records.
	Sealed int    `json:"sealedSegments,omitempty"`
	Closed uint64 `json:"closedRecords,omitempty"`
	// ClosedWhy is why the first of them could not be opened, if it was tried.
	ClosedWhy string `json:"closedWhy,omitempty"`
}

// Report is the result of a verification.
type Report struct {
	Nodes []NodeReport `json:"nodes"`
	// KeysGiven: the signatures were checked with keys that the caller gave.
	KeysGiven bool      `json:"keysGiven"`
	Findings  []Finding `json:"findings"`
	More      int       `json:"moreFindings"` // that were not kept
}

// maxFindings bounds the findings that a report keeps.
const maxFindings = 1000

// Sound reports whether nothing is wrong.
func (r *Report) Sound() bool { return len(r.Findings) == 0 }

func (r *Report) find(node, format string, args ...any) {
	if len(r.Findings) >= maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{Node: node, What: fmt.Sprintf(format, args...)})
}

// Verify verifies the trails of all nodes below dir, which may be copies. What is wrong is
// in the report; the error is one of the disk or the options.
func Verify(dir string, o Options) (*Report, error) {
	nodes, err := audit.Nodes(dir)
	if err != nil {
		return nil, err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	r := &Report{KeysGiven: len(o.Keys) > 0, Findings: []Finding{}, Nodes: []NodeReport{}}
	if len(nodes) == 0 {
		r.find("", "there is no trail of any node in this folder")
	}
	found := map[[16]byte]bool{}
	for _, node := range nodes {
		found[node] = true
		err := r.node(dir, node, &o)
		if errors.Is(err, syscall.ENOTDIR) {
			r.find(hex.EncodeToString(node[:]), "its trail cannot be read, for what is no folder: %v", err)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	for _, h := range o.Heads {
		if !found[h.Node] {
			r.find(hex.EncodeToString(h.Node[:]), "the whole trail of this node is missing: record %d is known to have been there", h.Sequence)
		}
	}
	for _, t := range o.Trees {
		if !found[t.Node] {
			r.find(hex.EncodeToString(t.Node[:]), "the whole trail of this node is missing: a checkpoint has %d records", t.Size)
		}
	}
	return r, nil
}

// node verifies one node's trail.
func (r *Report) node(dir string, node [16]byte, o *Options) error {
	n := nodeCheck{report: r, options: o, name: hex.EncodeToString(node[:])}
	n.Node, n.after = n.name, max(o.From[node], 1)-1
	keys, err := trusted(filepath.Join(nodeFolder(dir, node), keysName), o.Keys)
	if err != nil {
		return err
	}
	n.folder, n.keys = filepath.Join(nodeFolder(dir, node), folderName), keys
	if err := n.digests(); err != nil {
		return err
	}
	for _, h := range o.Heads {
		if h.Node == node {
			n.known = append(n.known, known{sequence: h.Sequence, hash: h.Hash})
		}
	}
	for _, t := range o.Trees {
		switch {
		case t.Node != node:
		case t.Size == 0 && t.Root != new(tlog.Tree).Root():
			n.find("the checkpoint of size 0 is not that of an empty log")
		case t.Size > 0: // of none nothing can be wrong
			n.trees = append(n.trees, t)
		}
	}
	n.sortKnown()
	if err := audit.Inspect(dir, node, audit.Visitor{Record: n.record, Fault: n.fault, Vouch: n.vouch, Closed: n.closed}); err != nil {
		return err
	}
	n.end()
	if n.failed != nil {
		return n.failed
	}
	r.Nodes = append(r.Nodes, n.NodeReport)
	return nil
}

// digests reads a node's digests, or those that were made since, checks their signatures and their chain, and
// keeps what they say of records.
func (n *nodeCheck) digests() error {
	numbers, err := list(n.folder)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if number <= n.lastNumber { // read before
			continue
		}
		d, err := readDigest(n.folder, number)
		if err != nil || d.Node != n.name {
			n.find("digest %d is not in the form of a digest of this node", number)
			n.lastDigest, n.lastNumber = nil, number
			continue
		}
		last := n.lastDigest
		n.follows(last, d)
		n.lastDigest = d
		if text := d.verify(n.keys, n.options.ApprovedOnly); text != "" {
			n.find("digest %d: %s", number, text)
			continue
		}
		n.Digests++
		n.names(d)
		if d.Sequence > 0 {
			k := known{sequence: d.Sequence, number: d.Number, after: d.After, made: d.Made().UnixMilli()}
			if k.behind = last != nil && d.Time == last.Time; k.behind {
				n.SetBack++
			}
			hex.Decode(k.hash[:], []byte(d.Hash))
			n.known = append(n.known, k)
		}
	}
	return nil
}

// follows checks a digest against the one before it.
func (n *nodeCheck) follows(last, d *Digest) {
	switch {
	case last == nil && d.Number == 1:
		if d.Previous != "" || d.After != 0 {
			n.find("digest 1 is not a first one")
		}
	case last == nil:
		// Digests of records that were moved away may have been moved with them.
		if n.lastNumber == 0 && d.After > n.after {
			n.find("digests 1 to %d are missing", d.Number-1)
		}
	case d.Number != last.Number+1:
		n.find("digests %d to %d are missing", last.Number+1, d.Number-1)
	case d.Previous != hashOf(last.Signed) || d.After != last.Sequence:
		n.find("digest %d does not follow digest %d", d.Number, last.Number)
	case d.Sequence < last.Sequence || d.Epoch < last.Epoch || d.Made().Before(last.Made()):
		n.find("digest %d goes back behind digest %d", d.Number, last.Number)
	}
	n.lastNumber = d.Number
}
