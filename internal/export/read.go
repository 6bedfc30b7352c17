package export

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"trent/internal/audit"
)

// reader reads batches of a trail. It keeps the list of segments, which a long
// trail has many of, until it needs a newer one.
type reader struct {
	dir      string
	opener   audit.Opener
	current  [16]byte // whose trail grows
	segments []audit.Segment
	listed   [16]byte
	// sealed is the sealed segment that is being read, in the clear: to open it is a
	// use of the key, with a record.
	sealed     audit.ReadAtCloser
	sealedPath string
}

// gap is a place where what comes next in the trail does not follow what was
// delivered last.
type gap struct {
	node        [16]byte // whose trail after is of
	after, next uint64   // sequence numbers
	why         string
}

// Reasons of a gap.
const (
	movedAway = "records were moved away before they were delivered"
	wentBack  = "the trail lost records that were delivered, and goes on without them"
	// A trail is replaced only when it, or its end, is lost. What is left of it does
	// not tell how far it went.
	wasReplaced = "the trail was lost and another one follows: what came behind this record, if anything, is not there"
)

// wanted says what the next batch may hold.
type wanted struct {
	bound uint64 // the last record; it counts for the growing trail only
	until uint64 // the last record of a batch that was begun before; 0: none was
	bytes int    // of JSON; one record is always taken
	// events are wanted, one at a time, and not records.
	events bool
}

// next reads the batch behind a position. Without new records it is empty, and its
// position may have moved on. What it finds missing before its first record stands
// in its gaps.
func (r *reader) next(at position, w wanted) (*batch, error) {
	b := &batch{from: at, to: at}
	for {
		done, err := r.read(b, w)
		if err != nil || done || len(b.records) > 0 || b.to.node == r.current {
			return b, err
		}
		// The trail of an earlier node is at the end of what is left of it, or gone.
		b.gaps = append(b.gaps, gap{node: b.to.node, after: b.to.sequence, why: wasReplaced})
		b.from = position{node: r.current}
		b.to = b.from
	}
}

// read reads one node's trail into b and reports whether the batch is complete.
func (r *reader) read(b *batch, w wanted) (done bool, err error) {
	for fresh := false; ; fresh = true {
		err := r.list(b.to.node, fresh)
		if errors.Is(err, fs.ErrNotExist) && b.to.node != r.current {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		done, err := r.listedSegments(b, w)
		stale := errors.Is(err, fs.ErrNotExist) // moved away since it was listed
		if stale && !fresh {
			continue
		}
		behind := b.to.node == r.current && b.to.sequence < w.bound
		if err != nil || done || fresh || !behind {
			return done, err
		}
	}
}

// listedSegments reads on in the segments that are listed.
func (r *reader) listedSegments(b *batch, w wanted) (done bool, err error) {
	for i := range r.segments {
		s := &r.segments[i]
		if s.Epoch < b.to.epoch || s.Epoch == b.to.epoch && s.Number < b.to.segment {
			continue
		}
		if done, err := r.segment(b, s, w); err != nil || done {
			return done, err
		}
	}
	return false, nil
}

// list lists a node's segments, if that is wanted fresh or was not done.
func (r *reader) list(node [16]byte, fresh bool) (err error) {
	if !fresh && r.listed == node && r.segments != nil {
		return nil
	}
	r.segments, err = audit.SegmentsWith(r.dir, node, r.opener)
	if err == nil && len(r.segments) == 0 {
		_, err = os.Stat(filepath.Join(r.dir, hex.EncodeToString(node[:])))
	}
	r.listed = node
	return err
}

// segment reads on in one segment and reports whether the batch is complete.
func (r *reader) segment(b *batch, s *audit.Segment, w wanted) (done bool, err error) {
	info, err := os.Stat(s.Path)
	if err != nil {
		return false, err
	}
	size := info.Size()
	if s.Sealed {
		size = s.Bytes
	}
	offset := int64(audit.FirstOffset)
	if s.Epoch == b.to.epoch && s.Number == b.to.segment && b.to.offset <= size {
		offset = b.to.offset // else its end was cut off, and another epoch has begun
	}
	take := func(rec audit.Record) bool {
		done = !delivered(&b.to, &rec) && !r.take(b, &rec, w)
		return !done
	}
	err = r.scan(s, offset, take)
	if errors.Is(err, audit.ErrDamaged) && offset > audit.FirstOffset && len(b.records) == 0 {
		err = r.scan(s, audit.FirstOffset, take) // no record ends there
	}
	if err == nil && !done && !s.Newest {
		b.to.epoch, b.to.segment, b.to.offset = s.Epoch, s.Number+1, audit.FirstOffset
	}
	return done, err
}

// scan reads a segment; a sealed one is opened once while it is read.
func (r *reader) scan(s *audit.Segment, offset int64, take func(audit.Record) bool) error {
	if r.sealedPath != s.Path {
		r.sealed, r.sealedPath = nil, ""
	}
	if !s.Sealed {
		return s.ScanFrom(offset, take)
	}
	if r.sealed == nil {
		f, err := s.Open()
		if err != nil {
			return err
		}
		r.sealed, r.sealedPath = f, s.Path
	}
	return s.ScanOpened(r.sealed, offset, take)
}

// take puts a record into the batch, if it may be there.
func (r *reader) take(b *batch, rec *audit.Record, w wanted) bool {
	if rec.Node == r.current && rec.Sequence > w.bound {
		return false
	}
	found := missing(&b.to, rec)
	if b.bytes > 0 && (w.events && len(b.records) > 0 || found != nil || b.bytes+len(rec.JSON) > w.bytes || w.until > 0 && rec.Sequence > w.until) {
		return false // no batch has a gap within; and one that was begun before may be gone
	}
	if found != nil {
		b.gaps = append(b.gaps, *found)
	}
	b.add(rec, w.events)
	return true
}

// delivered reports whether a record stands before a position.
func delivered(at *position, r *audit.Record) bool {
	return r.Epoch < at.epoch || r.Epoch == at.epoch && r.Sequence <= at.sequence
}

// missing says what is not there between a position and the record that is found
// next; nil if nothing.
func missing(at *position, r *audit.Record) *gap {
	switch {
	case at.sequence == 0 && r.Sequence == 1, r.Sequence == at.sequence+1 && r.PreviousHash == at.hash:
		return nil
	case r.Sequence <= at.sequence+1:
		return &gap{node: r.Node, after: at.sequence, next: r.Sequence, why: wentBack}
	}
	return &gap{node: r.Node, after: at.sequence, next: r.Sequence, why: movedAway}
}
