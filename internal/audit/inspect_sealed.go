package audit

// sealed takes a segment that is encrypted: opened if there is a key, and else
// for what a digest says of it.
func (in *inspector) sealed(id segmentID, stored []byte) {
	said, b := in.Vouch(id.name(), id.epoch, id.number, stored)
	switch {
	case b != nil:
		in.opened(said, b)
	case said == nil: // nothing is known, and so not what the next segment follows
		in.head, in.gap = Head{}, ""
	default:
		in.closed(said)
	}
}

// opened reads a sealed segment's records, which are to be the ones that the
// digest speaks of.
func (in *inspector) opened(said *Sealed, b []byte) {
	record := in.Record
	held := Sealed{}
	in.Record = func(r Record) {
		if held.First == 0 {
			held.First, held.Before = r.Sequence, r.PreviousHash
		}
		held.Last, held.Hash = r.Sequence, r.Hash
		record(r)
	}
	in.clear(b)
	in.Record = record
	if said != nil && (held.First != said.First || held.Last != said.Last || held.Before != said.Before || held.Hash != said.Hash) {
		in.Fault(in.at(0, in.head.Sequence, "its records are %d to %d, or others than those %d to %d that were sealed", held.First, held.Last, said.First, said.Last))
	}
}

// closed goes on behind a segment that is not opened.
func (in *inspector) closed(said *Sealed) {
	switch {
	case in.head == Head{}:
	case said.First != in.head.Sequence+1:
		in.Fault(in.at(0, in.head.Sequence, "record %d after %d%s", said.First, in.head.Sequence, in.gap))
	case said.Before != in.head.Hash:
		in.Fault(in.at(0, said.First, "record %d does not follow the one before", said.First))
	}
	in.gap = ""
	in.head = Head{Epoch: said.Epoch, Sequence: said.Last, Hash: said.Hash}
	in.Closed(said)
}
