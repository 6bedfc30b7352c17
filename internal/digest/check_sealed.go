package digest

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"trent/internal/audit"
)

// place is a segment's.
type place struct{ epoch, segment uint64 }

// names keeps what a digest says of sealed segments. A later one counts: a crash
// may have had a segment sealed twice.
func (n *nodeCheck) names(d *Digest) {
	for i := range d.Sealed {
		if n.sealed == nil {
			n.sealed = map[place]*audit.Sealed{}
		}
		said := d.Sealed[i].said()
		n.sealed[place{said.Epoch, said.Number}] = said
	}
}

// vouch says what is known of a sealed segment's bytes.
func (n *nodeCheck) vouch(name string, epoch, number uint64, stored []byte) (said *audit.Sealed, clear []byte) {
	n.Sealed++
	at := place{epoch, number}
	if n.sealed[at] == nil && n.failed == nil { // sealed while this runs?
		n.failed = n.digests()
		n.sortKnown()
	}
	said = n.sealed[at]
	switch {
	case said == nil:
		n.find("segment %d of epoch %d: no digest names it as sealed", number, epoch)
	case said.Bytes != int64(len(stored)) || said.SHA256 != sha256.Sum256(stored):
		n.find("segment %d of epoch %d: its %d bytes are not the %d that were sealed", number, epoch, len(stored), said.Bytes)
		said = nil
	}
	if n.options.Opener == nil {
		return said, nil
	}
	clear, err := n.options.Opener.Open(name, stored)
	if errors.Is(err, audit.ErrNotNow) {
		if n.ClosedWhy == "" {
			n.ClosedWhy = fmt.Sprintf("segment %d of epoch %d: %v", number, epoch, err)
		}
		return said, nil
	}
	if err != nil {
		n.find("segment %d of epoch %d: %v", number, epoch, err)
		return said, nil
	}
	return said, clear
}

// closed counts the records of a sealed segment that was not opened. That digests
// and what was sealed say the same of them was verified when it was sealed.
func (n *nodeCheck) closed(said *audit.Sealed) {
	if n.First == 0 {
		n.begin(said.First)
	}
	n.Records += said.Last - said.First + 1
	n.Closed += said.Last - said.First + 1
	n.Last = said.Last
	n.Bytes += said.Bytes
	for ; n.seen < len(n.known) && n.known[n.seen].sequence <= said.Last; n.seen++ {
		k := &n.known[n.seen]
		switch {
		case k.sequence == said.Last:
			n.compare(k, &audit.Record{Sequence: said.Last, Hash: said.Hash})
		case k.sequence < said.First:
			n.compare(k, &audit.Record{Sequence: said.First})
		case k.number == 0:
			n.find("record %d, which %s names, is in segment %d of epoch %d, which is sealed: it is not compared without its key", k.sequence, k.what(), said.Number, said.Epoch)
		default:
			n.cover(k)
		}
	}
}
