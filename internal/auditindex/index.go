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
	"sync/atomic"

	"trent/internal/audit"
	"trent/internal/secret"
)

// Index finds records of the trails of all nodes below a folder.
type Index struct {
	Trail  string        // folder of the audit trails
	Opener audit.Opener  // of sealed segments; nil: they cannot be read
	Folder string        // of the index files
	Key    secret.Bytes  // of the hashes in them
	Wake   chan struct{} // with room for one: Run has something to do
	Log    *slog.Logger
	// Share bounds what making files takes of one processor: a Share-th of the
	// time; 0 and 1 do not.
	Share int

	building sync.Mutex
	mu       sync.Mutex
	verified map[string]stamp // index files whose checksum was right
	failed   map[string]int64 // segments that had no index made, and their bytes
	growing  map[[16]byte]*newest

	waiting, unindexable atomic.Int64 // segments
}

// Stats say how far the index is behind.
type Stats struct {
	Waiting int64 // segments that had ended at the last look and have no file yet
	Failed  int64 // segments of which none could be made
}

// Stats say how far the index is behind.
func (x *Index) Stats() Stats { return Stats{x.waiting.Load(), x.unindexable.Load()} }

// Run makes the files of segments that have ended: at once, and whenever Wake
// says so. It ends with the context.
func (x *Index) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := x.Update(ctx); err != nil && ctx.Err() == nil {
			x.Log.Error("the audit trail's index", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-x.Wake:
		}
	}
}

// Update makes the files that are missing or damaged. A segment that cannot be
// indexed keeps no other from it, and is not tried again by this process.
func (x *Index) Update(ctx context.Context) error {
	x.building.Lock()
	defer x.building.Unlock()
	nodes, err := audit.Nodes(x.Trail)
	if err != nil {
		return err
	}
	p := newPacer(x.Share)
	var failures []error
	var ended []audit.Segment
	for _, node := range nodes {
		segments, err := audit.SegmentsWith(x.Trail, node, x.Opener)
		failures = append(failures, err)
		x.drop(node, segments)
		ended = append(ended, slices.DeleteFunc(segments, func(s audit.Segment) bool { return s.Newest })...)
	}
	without := make([]bool, len(ended))
	x.waiting.Store(0)
	for i := range ended {
		if _, err := os.Stat(x.path(&ended[i])); err != nil {
			without[i] = true
			x.waiting.Add(1)
		}
	}
	for i := range ended {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		failures = append(failures, x.update(ctx, &ended[i], &p))
		x.unindexable.Store(int64(len(x.failed)))
		if without[i] {
			x.waiting.Add(-1)
		}
		p.step(ctx)
	}
	return errors.Join(failures...)
}

// update makes a segment's file, if it has ended and has none.
func (x *Index) update(ctx context.Context, s *audit.Segment, p *pacer) error {
	if bytes, failed := x.failed[s.Path]; s.Newest || failed && bytes == s.Bytes || checkSegment(s) != nil {
		return nil
	}
	if x.ready(s) {
		return nil
	}
	b, err := build(ctx, s, newHasher(x.Key), p)
	if errors.Is(err, os.ErrNotExist) || ctx.Err() != nil {
		return nil // it was moved away just now, or the service ends
	}
	path := x.path(s)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = writeFile(path, b)
	}
	if err == nil {
		return nil
	}
	if x.failed == nil {
		x.failed = map[string]int64{}
	}
	x.failed[s.Path] = s.Bytes
	return fmt.Errorf("auditindex: %s of segment %s: %w", path, s.Path, err)
}

// checkSegment refuses what is not a file, which would never end.
func checkSegment(s *audit.Segment) error {
	info, err := os.Stat(s.Path)
	if errors.Is(err, os.ErrNotExist) && !s.Sealed { // sealed just now?
		info, err = os.Stat(s.SealedPath())
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a file", audit.ErrDamaged, s.Path)
	}
	return err
}

func (x *Index) path(s *audit.Segment) string {
	return filepath.Join(x.Folder, hex.EncodeToString(s.Node[:]), fmt.Sprintf("%08d", s.Epoch), fmt.Sprintf("%08d.idx", s.Number))
}

// ready reports whether a segment has its file, whole. The checksum of all of it
// is verified once, and again when the file is another or a query could not use it.
func (x *Index) ready(s *audit.Segment) bool {
	path := x.path(s)
	opened, err := openIndex(path, s, newHasher(x.Key))
	if err != nil {
		return false
	}
	defer opened.f.Close()
	x.mu.Lock()
	known := x.verified[path] == opened.stamp
	x.mu.Unlock()
	if known {
		return true
	}
	if opened.verify() != nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.verified == nil {
		x.verified = map[string]stamp{}
	}
	x.verified[path] = opened.stamp
	return true
}

// doubt has Run look at a segment's file, which a query could not use.
func (x *Index) doubt(s *audit.Segment) {
	x.mu.Lock()
	delete(x.verified, x.path(s))
	x.mu.Unlock()
	x.wake()
}

// wake has Run look for files that are missing or damaged.
func (x *Index) wake() {
	select {
	case x.Wake <- struct{}{}:
	default:
	}
}
