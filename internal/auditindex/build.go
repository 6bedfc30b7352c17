package auditindex

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"trent/internal/audit"
)

// builder makes the index file of a segment.
type builder struct {
	reader
	hash    *hasher // of the file
	of      func(Term) uint64
	places  []place
	members [][]uint32 // of the reader's groups: the numbers of their records, in order
	refs    []ref
}

// place is where a record is, and its time in Unix seconds.
type place struct {
	offset uint32
	time   int64
}

// ref says that a term, by its hash, is had by one record, or by a group's.
type ref struct {
	hash  uint64
	to    uint32 // number of the record or group
	group bool
}

// newBuilder is for a segment of about so many records.
func newBuilder(records int64, h *hasher) builder {
	const own = 2 // terms of a record that no other has
	return builder{reader: newReader(), hash: h, of: h.of, places: make([]place, 0, records), refs: make([]ref, 0, own*records)}
}

// stepRecords is after how many records the clock is asked.
const stepRecords = 64

// build makes the index file of a segment that has ended.
func build(ctx context.Context, s *audit.Segment, h *hasher, p *pacer) ([]byte, error) {
	if s.Bytes > math.MaxUint32 {
		return nil, fmt.Errorf("auditindex: %s has %d bytes: more than an index has numbers for", s.Path, s.Bytes)
	}
	const usual = 900 // bytes of a record, with its frame
	b := newBuilder(s.Bytes/usual, h)
	err := s.Scan(func(r audit.Record) bool {
		b.add(uint32(r.Offset), r.JSON)
		if len(b.places)%stepRecords == 0 {
			p.step(ctx)
		}
		return ctx.Err() == nil
	})
	if err = cmp.Or(context.Cause(ctx), err); err != nil {
		return nil, err
	}
	return b.file(s), nil
}

// add adds a record.
func (b *builder) add(offset uint32, json []byte) {
	number := uint32(len(b.places))
	b.read(json)
	for len(b.members) < len(b.groups) {
		b.members = append(b.members, nil)
	}
	for _, group := range b.in {
		if all := b.members[group]; len(all) == 0 || all[len(all)-1] != number { // a member may stand there twice
			b.members[group] = append(all, number)
		}
	}
	for _, t := range b.entry.terms {
		b.refs = append(b.refs, ref{hash: b.of(t), to: number})
	}
	b.places = append(b.places, place{offset, b.entry.time})
}

// terms returns all terms, in order of their hashes.
func (b *builder) terms() []ref {
	for i := range b.groups {
		to := ref{to: uint32(i), group: true}
		if records := b.members[i]; len(records) == 1 {
			to = ref{to: records[0]}
		}
		for _, t := range b.groups[i].terms {
			to.hash = b.of(t)
			b.refs = append(b.refs, to)
		}
	}
	slices.SortFunc(b.refs, func(a, c ref) int { return cmp.Compare(a.hash, c.hash) })
	return b.refs
}

// records are those of references to the same term.
func (b *builder) records(refs []ref) []uint32 {
	if len(refs) == 1 && refs[0].group {
		return b.members[refs[0].to]
	}
	var all []uint32
	for _, r := range refs {
		if r.group {
			all = append(all, b.members[r.to]...)
		} else {
			all = append(all, r.to)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
