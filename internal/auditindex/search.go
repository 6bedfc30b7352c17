package auditindex

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"trent/internal/audit"
)

// Found is a record that a query has found.
type Found struct {
	Position
	Sequence uint64
	JSON     []byte
}

// Page is what a query has found.
type Page struct {
	Found   []Found
	More    bool     // there may be more
	Next    Position // where they follow
	Damaged []string // of where it looked: what cannot be read, and may hold more
}

// ErrQuery: a query that has no answer.
var ErrQuery = errors.New("auditindex: no such query")

// maxPageBytes bounds the records of a page.
const maxPageBytes = 2 << 20

// chain is a node's trail.
type chain struct {
	node     [16]byte
	began    int64 // time of its first record
	segments []audit.Segment
}

// search is a query that is being answered.
type search struct {
	*Index
	query *Query
	hash  *hasher
	after *Position // in the node that is being read: the last record that was seen
	page  Page
	bytes int
	work  int64 // that was done
	entry entry
}

// Find returns the records that are wanted, in order: the oldest node's trail
// first, by the time of its first record.
func (x *Index) Find(ctx context.Context, q Query) (Page, error) {
	if q.Limit < 1 {
		return Page{}, fmt.Errorf("%w: limit %d", ErrQuery, q.Limit)
	}
	if len(q.Terms) > maxTerms {
		return Page{}, fmt.Errorf("%w: %d terms, and at most %d can be asked for", ErrQuery, len(q.Terms), maxTerms)
	}
	s := &search{Index: x, query: &q, hash: newHasher(x.Key)}
	chains, err := s.chains()
	if err != nil {
		return Page{}, err
	}
	if q.NewestFirst {
		slices.Reverse(chains)
	}
	if q.After != (Position{}) {
		at := slices.IndexFunc(chains, func(c chain) bool { return c.node == q.After.Node })
		if at < 0 {
			return Page{}, fmt.Errorf("%w: after a record of node %x, which has no trail here", ErrQuery, q.After.Node)
		}
		chains, s.after = chains[at:], &q.After
	}
	for _, c := range chains {
		if q.NewestFirst {
			slices.Reverse(c.segments)
		}
		for i := range c.segments {
			if q.Work > 0 && s.work > q.Work {
				s.page.More = true
				return s.page, nil
			}
			if err := s.segment(ctx, &c.segments[i]); err != nil {
				return Page{}, err
			}
			if s.full() {
				found := s.page.Found[:len(s.page.Found)-1]
				s.page.Found, s.page.More, s.page.Next = found, true, found[len(found)-1].Position
				return s.page, nil
			}
			s.page.Next = s.end(&c.segments[i])
		}
		s.after = nil
	}
	return s.page, nil
}

// full reports whether there is a record more than the page takes.
func (s *search) full() bool {
	return len(s.page.Found) > s.query.Limit || s.bytes > maxPageBytes && len(s.page.Found) > 1
}

// end is the position behind a segment, in the query's order.
func (s *search) end(segment *audit.Segment) Position {
	return Position{Node: segment.Node, Epoch: segment.Epoch, Segment: segment.Number, Offset: s.behind()}
}

// behind is the offset behind all records of a segment, in the query's order.
func (s *search) behind() int64 {
	if s.query.NewestFirst {
		return 0
	}
	return math.MaxInt64
}

// chains lists the nodes' trails, oldest first.
func (s *search) chains() (all []chain, err error) {
	nodes, err := audit.Nodes(s.Trail)
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		c := chain{node: node, began: math.MaxInt64}
		if c.segments, err = audit.SegmentsWith(s.Trail, node, s.Opener); err != nil {
			s.damaged(fmt.Sprintf("node %x", node), err)
			continue
		}
		for i := range c.segments {
			if s.first(&c.segments[i], &c.began) {
				break
			}
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b chain) int {
		return cmp.Or(cmp.Compare(a.began, b.began), bytes.Compare(a.node[:], b.node[:]))
	})
	return all, nil
}

// first reads the time of a segment's first record, if it has one.
func (s *search) first(segment *audit.Segment, began *int64) (read bool) {
	if checkSegment(segment) != nil {
		return false
	}
	// What is wrong with the segment is said when it is looked at.
	_ = segment.Scan(func(r audit.Record) bool {
		s.entry.read(r.JSON)
		*began, read = s.entry.time, true
		return false
	})
	return read
}

// damaged notes what cannot be read. What is gone was moved away just now.
func (s *search) damaged(what string, err error) {
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if text := what + ": " + err.Error(); !slices.Contains(s.page.Damaged, text) {
		s.page.Damaged = append(s.page.Damaged, text)
	}
}

// segment looks at a segment. If what its index file says is not so, the segment
// is read whole; the file then still says what stands behind a damaged place. The
// error is the context's.
func (s *search) segment(ctx context.Context, segment *audit.Segment) error {
	if s.seen(segment, -1) {
		return context.Cause(ctx)
	}
	if err := checkSegment(segment); err != nil {
		s.damaged(fmt.Sprintf("node %x", segment.Node), err)
		return nil
	}
	had, bytes := len(s.page.Found), s.bytes
	offsets, err := s.indexed(ctx, segment)
	if err == nil {
		if err = s.read(ctx, segment, offsets); err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.page.Found, s.bytes = s.page.Found[:had], bytes
	}
	scanned, err := s.scan(ctx, segment)
	if err != nil {
		scanned = append(scanned, offsets...)
		slices.Sort(scanned)
		scanned = slices.Compact(scanned)
	}
	if err = cmp.Or(err, s.read(ctx, segment, scanned)); err != nil {
		s.damaged(fmt.Sprintf("segment %d of epoch %d of node %x", segment.Number, segment.Epoch, segment.Node), err)
	}
	return context.Cause(ctx)
}

// seen reports whether an earlier page has had what is at an offset of a segment;
// -1 stands for all of it.
func (s *search) seen(segment *audit.Segment, offset int64) bool {
	if s.after == nil {
		return false
	}
	order := cmp.Or(cmp.Compare(segment.Epoch, s.after.Epoch), cmp.Compare(segment.Number, s.after.Segment))
	if order == 0 && offset < 0 {
		return s.after.Offset == s.behind()
	}
	order = cmp.Or(order, cmp.Compare(offset, s.after.Offset))
	return order == 0 || (order < 0) != s.query.NewestFirst
}

// indexed returns where records that are wanted can be, as the segment's file
// says, or what is in memory of the newest, in order; errStale without one.
func (s *search) indexed(ctx context.Context, segment *audit.Segment) (offsets []int64, err error) {
	if segment.Newest && !segment.Sealed {
		offsets, work, err := s.newest(segment).find(ctx, segment, s.query)
		s.work += work
		return offsets, err
	}
	x, err := openIndex(s.path(segment), segment, s.hash)
	if err == nil {
		defer x.f.Close()
		offsets, err = s.candidates(x)
		s.work += openWork + x.read
	}
	if err != nil {
		s.doubt(segment)
	}
	return offsets, err
}

// candidates are where records can be that are wanted.
func (s *search) candidates(x *index) (offsets []int64, err error) {
	if !s.query.Since.IsZero() && x.last < s.query.Since.Unix() || !s.query.Until.IsZero() && x.first > s.query.Until.Unix() {
		return nil, nil
	}
	numbers, err := s.having(x)
	for i := 0; err == nil && i < len(numbers); i++ {
		offset, at, exact, err := x.place(numbers[i])
		if err != nil {
			return nil, err
		}
		if !exact || s.query.spans(at) {
			offsets = append(offsets, int64(offset))
		}
	}
	return offsets, err
}

// having are the records that have all terms of the query.
func (s *search) having(x *index) (all []uint32, err error) {
	for i, t := range s.query.Terms {
		numbers, err := x.having(t)
		if err != nil || len(numbers) == 0 {
			return nil, err
		}
		if i == 0 {
			all = numbers
			continue
		}
		all = intersect(all, numbers)
	}
	if len(s.query.Terms) == 0 {
		for n := range x.records {
			all = append(all, n)
		}
	}
	return all, nil
}

// intersect keeps of a what is in b too; both are in order.
func intersect(a, b []uint32) []uint32 {
	kept := a[:0]
	for _, n := range a {
		for len(b) > 0 && b[0] < n {
			b = b[1:]
		}
		if len(b) > 0 && b[0] == n {
			kept = append(kept, n)
		}
	}
	return kept
}

// scan reads the segment and returns where records that are wanted are, in order:
// all, or the oldest first as many as are. What comes with an error holds.
func (s *search) scan(ctx context.Context, segment *audit.Segment) (offsets []int64, err error) {
	s.work += segment.Bytes
	left := s.query.Limit + 1 - len(s.page.Found)
	m := newMatcher(s.query)
	err = segment.Scan(func(r audit.Record) bool {
		if !s.seen(segment, r.Offset) && m.wants(r.JSON) {
			offsets = append(offsets, r.Offset)
		}
		return ctx.Err() == nil && (s.query.NewestFirst || len(offsets) < left)
	})
	return offsets, err
}

// errUnlike: there is no such record where the index file says.
var errUnlike = errors.New("auditindex: the index has records that the segment has not")

// read takes the records at some offsets, of those that are wanted, until the
// page is full. It goes on behind one that cannot be read, or has not what was
// asked for, and returns the first such error.
func (s *search) read(ctx context.Context, segment *audit.Segment, offsets []int64) (failed error) {
	if len(offsets) == 0 {
		return nil
	}
	f, err := segment.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range offsets {
		offset := offsets[i]
		if s.query.NewestFirst {
			offset = offsets[len(offsets)-1-i]
		}
		if s.full() || ctx.Err() != nil {
			break
		}
		if s.seen(segment, offset) {
			continue
		}
		r, err := segment.ReadRecord(f, offset, nil)
		s.work += int64(len(r.JSON))
		if err == nil {
			if s.entry.read(r.JSON); !s.entry.hasAll(s.query.Terms) {
				err = errUnlike
			}
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		if s.query.spans(s.entry.time) && (s.query.Keep == nil || s.query.Keep(r.JSON)) {
			s.page.Found = append(s.page.Found, Found{
				Position: Position{segment.Node, segment.Epoch, segment.Number, offset}, Sequence: r.Sequence, JSON: r.JSON,
			})
			s.bytes += len(r.JSON)
		}
	}
	return failed
}
