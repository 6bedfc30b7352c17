package auditindex

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"trent/internal/audit"
)

// Index finds records of one node's trail.
type Index struct {
	Trail  string // folder of the audit trail
	Folder string // of the index files
	Node   [16]byte
	Log    *slog.Logger

	building sync.Mutex
}

// Found is a record that a query has found.
type Found struct {
	Position
	Sequence uint64
	JSON     []byte
}

// Run makes the files of segments that have ended: at once, and whenever wake
// says that another has. It ends with the context.
func (x *Index) Run(ctx context.Context, wake <-chan struct{}) {
	for ctx.Err() == nil {
		if err := x.Update(ctx); err != nil && ctx.Err() == nil {
			x.Log.Error("the audit trail's index", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-wake:
		}
	}
}

// Update makes the files that are missing.
func (x *Index) Update(ctx context.Context) error {
	x.building.Lock()
	defer x.building.Unlock()
	segments, err := audit.Segments(x.Trail, x.Node)
	if err != nil {
		return err
	}
	for i := range segments {
		s := &segments[i]
		if s.Newest || ctx.Err() != nil {
			continue
		}
		if ready, err := openIndex(x.path(s), s); err == nil {
			ready.f.Close()
			continue
		} else if !errors.Is(err, errStale) {
			return err
		}
		if err := x.write(s); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (x *Index) path(s *audit.Segment) string {
	return filepath.Join(x.Folder, hex.EncodeToString(s.Node[:]), fmt.Sprintf("%08d", s.Epoch), fmt.Sprintf("%08d.idx", s.Number))
}

// write makes a segment's file. It need not be durable: it can be made again.
func (x *Index) write(s *audit.Segment) error {
	b, err := build(s)
	if err != nil {
		return err
	}
	path := x.path(s)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("auditindex: %w", err)
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("auditindex: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("auditindex: %w", err)
	}
	return nil
}

// Find returns the records that are wanted, in order, and whether there may be
// more.
func (x *Index) Find(ctx context.Context, q Query) (found []Found, more bool, err error) {
	segments, err := audit.Segments(x.Trail, x.Node)
	if err != nil {
		return nil, false, err
	}
	if q.NewestFirst {
		slices.Reverse(segments)
	}
	for i := range segments {
		if err := context.Cause(ctx); err != nil {
			return nil, false, err
		}
		s := search{query: &q, segment: &segments[i], limit: q.Limit + 1 - len(found)}
		if err := s.run(ctx, x.path(&segments[i])); err != nil {
			return nil, false, err
		}
		if found = append(found, s.found...); len(found) > q.Limit {
			return found[:q.Limit], true, nil
		}
	}
	return found, false, nil
}

// search is a query in one segment.
type search struct {
	query   *Query
	segment *audit.Segment
	limit   int
	found   []Found
	entry   entry
}

func (s *search) run(ctx context.Context, path string) error {
	if after := s.query.After; after != (Position{}) {
		here := Position{Epoch: s.segment.Epoch, Segment: s.segment.Number, Offset: after.Offset}
		if here != after && before(here, after) != s.query.NewestFirst {
			return nil // it was seen
		}
	}
	x, err := openIndex(path, s.segment)
	if errors.Is(err, errStale) {
		return s.scan(ctx)
	}
	if err != nil {
		return err
	}
	defer x.f.Close()
	if !s.query.Since.IsZero() && x.last < s.query.Since.Unix() || !s.query.Until.IsZero() && x.first > s.query.Until.Unix() {
		return nil
	}
	if len(s.query.Terms) == 0 {
		return s.scan(ctx)
	}
	offsets, err := s.candidates(x)
	if err != nil {
		return err
	}
	return s.read(ctx, offsets)
}

// candidates are where records with all terms can be.
func (s *search) candidates(x *index) (all []uint32, err error) {
	for i, t := range s.query.Terms {
		offsets, err := x.offsets(t)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all = offsets
			continue
		}
		all = slices.DeleteFunc(all, func(o uint32) bool {
			_, has := slices.BinarySearch(offsets, o)
			return !has
		})
	}
	if s.query.NewestFirst {
		slices.Reverse(all)
	}
	return all, nil
}

// read reads the candidates until there are enough.
func (s *search) read(ctx context.Context, offsets []uint32) error {
	f, err := os.Open(s.segment.Path)
	if err != nil {
		return fmt.Errorf("auditindex: %w", err)
	}
	defer f.Close()
	var buf []byte
	for _, offset := range offsets {
		if len(s.found) == s.limit {
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if s.seen(int64(offset)) {
			continue
		}
		r, err := s.segment.ReadRecord(f, int64(offset), buf)
		if err != nil {
			return err
		}
		s.take(&r)
	}
	return nil
}

// scan reads the whole segment.
func (s *search) scan(ctx context.Context) error {
	err := s.segment.Scan(func(r audit.Record) bool {
		if !s.seen(r.Offset) {
			s.take(&r)
		}
		return ctx.Err() == nil && (s.query.NewestFirst || len(s.found) < s.limit)
	})
	if s.query.NewestFirst {
		slices.Reverse(s.found)
		s.found = s.found[:min(len(s.found), s.limit)]
	}
	return errors.Join(err, context.Cause(ctx))
}

// take keeps a record that is wanted.
func (s *search) take(r *audit.Record) {
	s.entry.read(r.JSON)
	if s.query.matches(&s.entry) {
		s.found = append(s.found, Found{
			Position: Position{s.segment.Epoch, s.segment.Number, r.Offset}, Sequence: r.Sequence, JSON: slices.Clone(r.JSON),
		})
	}
}

// seen reports whether an earlier page had what is at an offset.
func (s *search) seen(offset int64) bool {
	after := s.query.After
	here := Position{s.segment.Epoch, s.segment.Number, offset}
	return after != (Position{}) && (here == after || before(here, after) != s.query.NewestFirst)
}

// before reports whether a record stands before another.
func before(a, b Position) bool {
	if a.Epoch != b.Epoch {
		return a.Epoch < b.Epoch
	}
	if a.Segment != b.Segment {
		return a.Segment < b.Segment
	}
	return a.Offset < b.Offset
}
