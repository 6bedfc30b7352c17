package auditindex

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"

	"trent/internal/audit"
)

// maxNewestBytes bounds what is in memory of a node's newest segment. One that takes
// more, which its callers can bring about with much that is never the same, is read
// for each query.
const maxNewestBytes = 48 << 20

// maxNewest is of how many nodes: the others are trails that others have followed.
const maxNewest = 2

// newest is what a node's newest segment is found by. It grows with the queries.
type newest struct {
	mu      sync.Mutex
	epoch   uint64
	number  uint64
	builder builder
	last    audit.Record // that it has, without its JSON; its sequence is 0 if there is none
	end     int64        // of that
	tooMuch bool
}

// newest returns what is in memory of a node's newest segment.
func (x *Index) newest(s *audit.Segment) *newest {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.growing[s.Node]
	if n == nil || n.epoch != s.Epoch || n.number != s.Number {
		n = &newest{epoch: s.Epoch, number: s.Number}
		n.forget()
		for node := range x.growing {
			if len(x.growing) >= maxNewest {
				delete(x.growing, node)
			}
		}
		if x.growing == nil {
			x.growing = map[[16]byte]*newest{}
		}
		x.growing[s.Node] = n
	}
	return n
}

// drop lets go of a segment that has ended.
func (x *Index) drop(node [16]byte, segments []audit.Segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := x.growing[node]; n != nil && len(segments) > 0 {
		if last := &segments[len(segments)-1]; last.Epoch != n.epoch || last.Number != n.number {
			delete(x.growing, node)
		}
	}
}

// forget begins anew.
func (n *newest) forget() {
	seed := maphash.MakeSeed()
	of := func(t Term) uint64 { return maphash.Comparable(seed, t) }
	n.builder, n.last, n.end = builder{reader: newReader(), of: of}, audit.Record{}, audit.FirstOffset
}

// find returns where records that are wanted are, in order, and how many bytes it
// has read; errStale if that is not known.
func (n *newest) find(ctx context.Context, s *audit.Segment, q *Query) (offsets []int64, work int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tooMuch || s.Bytes > math.MaxUint32 {
		return nil, 0, errStale
	}
	if n.last.Sequence > 0 && !n.stands(s) {
		n.forget()
	}
	if work, err = n.extend(ctx, s); err != nil {
		return nil, work, err
	}
	return n.wanted(q), work + openWork, nil
}

// stands reports whether the last record is still there, and so what it follows:
// after a failed write the trail writes others in its place.
func (n *newest) stands(s *audit.Segment) bool {
	f, err := s.Open()
	if err != nil {
		return false
	}
	defer f.Close()
	r, err := s.ReadRecord(f, n.last.Offset, nil)
	return err == nil && r.Hash == n.last.Hash
}

// extend reads what was written since. After an error what it has is right, as far
// as it goes.
func (n *newest) extend(ctx context.Context, s *audit.Segment) (work int64, err error) {
	b, broken := &n.builder, false
	err = s.ScanFrom(n.end, func(r audit.Record) bool {
		if broken = n.last.Sequence > 0 && r.PreviousHash != n.last.Hash; broken {
			return false // the trail has begun to write others just now
		}
		b.add(uint32(r.Offset), r.JSON)
		work += r.End() - n.end
		n.last, n.end = r, r.End()
		n.last.JSON = nil
		n.tooMuch = r.End() > math.MaxUint32 || len(b.places)%stepRecords == 0 && n.bytes() > maxNewestBytes
		return !n.tooMuch && ctx.Err() == nil
	})
	if n.tooMuch || broken {
		n.forget()
		return work, errStale
	}
	return work, cmp.Or(context.Cause(ctx), err)
}

// bytes is about what it takes in memory.
func (n *newest) bytes() int {
	const (
		perRecord = 16 + 2*16 + 12*8 // place, own terms, groups
		perGroup  = 400
	)
	return len(n.builder.places)*perRecord + len(n.builder.groups)*perGroup + 3*n.builder.made
}

// set is of records, a bit for each.
type set []uint64

// wanted are the records that have all terms, of the times that are asked for.
func (n *newest) wanted(q *Query) (offsets []int64) {
	b := &n.builder
	all := make(set, (len(b.places)+63)/64)
	for i := range all {
		all[i] = math.MaxUint64
	}
	for _, t := range q.Terms {
		having := n.having(t)
		for i := range all {
			all[i] &= having[i]
		}
	}
	for i, word := range all {
		for ; word != 0; word &= word - 1 {
			at := 64*i + bits.TrailingZeros64(word)
			if at < len(b.places) && q.spans(b.places[at].time) {
				offsets = append(offsets, int64(b.places[at].offset))
			}
		}
	}
	return offsets
}

// having are the records that have a term.
func (n *newest) having(t Term) set {
	b := &n.builder
	having := make(set, (len(b.places)+63)/64)
	for i := range b.groups {
		if b.groups[i].has(t) {
			for _, record := range b.members[i] {
				having[record/64] |= 1 << (record % 64)
			}
		}
	}
	hash := b.of(t)
	for i := range b.refs {
		if r := &b.refs[i]; r.hash == hash {
			having[r.to/64] |= 1 << (r.to % 64)
		}
	}
	return having
}
