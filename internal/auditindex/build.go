package auditindex

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"trent/internal/audit"
)

// builder makes the index file of a segment. Most members of most records are as
// they were in another record: what a member is found by is made once, and from
// then on a look-up of its bytes says to which group the record belongs.
type builder struct {
	places []place
	groups []group
	known  map[string]uint32 // groups by a member's bytes, or by what several make together
	bytes  int               // of known's keys
	refs   []ref
	recent []recent // by their places in a record
	entry  entry    // of the record that is added
	key    []byte   // of what its members make together
}

// recent is the member that stood at a place of the last record. Half of the
// members of a record are the same again.
type recent struct {
	raw   []byte
	share share
	group uint32 // of one that is shared
}

// place is where a record is, and its time in Unix seconds.
type place struct {
	offset uint32
	time   int64
}

// group is the records that have the same in common.
type group struct {
	entry
	records []uint32 // by their numbers, in order
}

// ref says that a term, by its hash, is had by one record, or by a group's.
type ref struct {
	hash  uint64
	to    uint32 // number of the record or group
	group bool
}

// maxKnownBytes bounds what is known of members. Beyond it begins anew: what
// comes again has a second group.
const maxKnownBytes = 4 << 20

// build makes the index file of a segment that has ended.
func build(ctx context.Context, s *audit.Segment) ([]byte, error) {
	if s.Bytes > math.MaxUint32 {
		return nil, fmt.Errorf("auditindex: %s has %d bytes: more than an index has numbers for", s.Path, s.Bytes)
	}
	const usual = 700 // bytes of a record, with its frame
	b := builder{known: map[string]uint32{}, places: make([]place, 0, s.Bytes/usual), refs: make([]ref, 0, 4*s.Bytes/usual)}
	err := s.Scan(func(r audit.Record) bool {
		b.add(uint32(r.Offset), r.JSON)
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
	e := &b.entry
	e.reset()
	w := walk{json: json}
	for place := 0; ; place++ {
		if place == len(b.recent) {
			b.recent = append(b.recent, recent{})
		}
		last := &b.recent[place]
		if !w.is(last.raw) {
			m, ok := w.next()
			if !ok {
				break
			}
			b.member(last, &m)
		}
		if last.share == shared {
			g := &b.groups[last.group]
			g.add(number)
			e.join(&g.joint)
		}
	}
	for _, t := range e.terms {
		b.refs = append(b.refs, ref{hash: hashOf(t), to: number})
	}
	b.key = e.joint.appendKey(b.key[:0])
	g := &b.groups[b.group(b.key)]
	if g.records == nil {
		g.joint = e.joint.clone()
		g.conclude()
	}
	g.add(number)
	b.places = append(b.places, place{offset, e.time})
}

// member reads a member of the record, the last of its place from now on.
func (b *builder) member(last *recent, m *member) {
	last.raw, last.share = last.raw[:0], shareOf(m.name)
	switch last.share {
	case own: // not the same again
		b.entry.member(m)
		return
	case shared:
		last.group = b.group(m.raw)
		if g := &b.groups[last.group]; g.records == nil {
			g.member(m)
		}
	}
	last.raw = append(last.raw, m.raw...)
}

// add adds a record, if it is not there: a member may stand in it twice.
func (g *group) add(number uint32) {
	if n := len(g.records); n == 0 || g.records[n-1] != number {
		g.records = append(g.records, number)
	}
}

// group returns the group of a key; a new one has no records.
func (b *builder) group(key []byte) uint32 {
	at, ok := b.known[string(key)]
	if !ok {
		if b.bytes += len(key); b.bytes > maxKnownBytes {
			clear(b.known)
			b.bytes = len(key)
		}
		at = uint32(len(b.groups))
		b.known[string(key)] = at
		b.groups = append(b.groups, group{})
	}
	return at
}

// terms returns all terms, in order of their hashes.
func (b *builder) terms() []ref {
	for i := range b.groups {
		g := &b.groups[i]
		to := ref{to: uint32(i), group: true}
		if len(g.records) == 1 {
			to = ref{to: g.records[0]}
		}
		for _, t := range g.terms {
			to.hash = hashOf(t)
			b.refs = append(b.refs, to)
		}
	}
	slices.SortFunc(b.refs, func(a, c ref) int { return cmp.Compare(a.hash, c.hash) })
	return b.refs
}

// records are those of references to the same term.
func (b *builder) records(refs []ref) []uint32 {
	if len(refs) == 1 && refs[0].group {
		return b.groups[refs[0].to].records // in order, each once
	}
	var all []uint32
	for _, r := range refs {
		if r.group {
			all = append(all, b.groups[r.to].records...)
		} else {
			all = append(all, r.to)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
