package audit

import (
	"errors"
	"fmt"
	"path/filepath"
)

// errSync marks a failed sync, after which a segment is not trusted any more.
var errSync = errors.New("sync")

// epochName and segmentName are the names in a node's directory.
func epochName(epoch uint64) string    { return fmt.Sprintf("%08d", epoch) }
func segmentName(number uint64) string { return fmt.Sprintf("%08d.log", number) }

// writebackBytes is how much may gather, where appends do not sync, before the
// kernel is asked to begin writing it: the sync at a segment's end, for which
// all appends wait, would otherwise have the whole segment to write.
const writebackBytes = 1 << 20

// segmentWriter appends to the segments of one epoch. It is used by one
// goroutine at a time.
type segmentWriter struct {
	fs       fsys
	dir      string // the node's
	maxBytes int64
	id       segmentID // of the segment being written; number 0 before the first
	f        file      // nil after a next that failed
	size     int64     // whole records and header
	torn     bool      // f may hold more than size: a write failed
	dirty    bool      // f may hold something that is not synced
	started  int64     // up to here the kernel was asked to write f back
	broken   error     // a sync failed
}

// append writes whole records, and syncs them if sync is set. On an error the
// segment holds nothing of them, or what it holds is cut before anything else
// is written; after an error of a sync nothing is written ever. It begins the
// next segment first if this one is full and not pinned. syncs counts.
func (w *segmentWriter) append(records []byte, sync, pinned bool) (syncs uint64, err error) {
	if w.broken != nil {
		return 0, w.broken
	}
	if err := w.cut(); err != nil {
		return 0, err
	}
	full := w.size > headerBytes && w.size+int64(len(records)) > w.maxBytes
	if w.f == nil || full && !pinned {
		if syncs, err = w.rotate(); err != nil {
			return syncs, err
		}
	}
	w.torn, w.dirty = true, true
	if _, err := w.f.Write(records); err != nil {
		err = fmt.Errorf("write segment: %w", err)
		return syncs, errors.Join(err, w.cut())
	}
	w.torn = false
	w.size += int64(len(records))
	if sync {
		return syncs + 1, w.sync()
	}
	if n := w.size - w.started; n >= writebackBytes {
		w.f.startWriteback(w.started, n)
		w.started = w.size
	}
	return syncs, nil
}

// cut takes away what a failed write has left.
func (w *segmentWriter) cut() error {
	if !w.torn || w.f == nil {
		return nil
	}
	if err := w.f.Truncate(w.size); err != nil {
		return fmt.Errorf("cut a partial write: %w", err)
	}
	w.torn = false
	return nil
}

func (w *segmentWriter) sync() error {
	if err := w.f.Sync(); err != nil {
		w.broken = fmt.Errorf("%w segment: %w", errSync, err)
		return w.broken
	}
	w.dirty = false
	return nil
}

// rotate ends the segment, durably and whatever the mode, because only the
// newest one may end in a torn record, and begins the next.
func (w *segmentWriter) rotate() (syncs uint64, err error) {
	if w.f != nil {
		if w.dirty {
			syncs = 1
			if err := w.sync(); err != nil {
				return syncs, err
			}
		}
		err := w.f.Close()
		w.f = nil
		if err != nil {
			return syncs, fmt.Errorf("close segment: %w", err)
		}
	}
	return syncs + 1, w.next()
}

// next makes the next segment. Its name and header are durable when it
// returns, so that no crash leaves a segment with records but without them.
func (w *segmentWriter) next() error {
	id := w.id
	id.number++
	epochDir := filepath.Join(w.dir, epochName(id.epoch))
	path := filepath.Join(epochDir, segmentName(id.number))
	// An earlier try may have left the file; it has no records yet.
	if err := w.fs.remove(path); err != nil {
		return fmt.Errorf("audit: make segment: %w", err)
	}
	f, err := w.fs.create(path)
	if err != nil {
		return fmt.Errorf("audit: make segment: %w", err)
	}
	_, err = f.Write(id.header())
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = w.fs.syncDir(epochDir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("audit: make segment: %w", err), f.Close())
	}
	w.f, w.id, w.size, w.started, w.torn, w.dirty = f, id, headerBytes, 0, false, false
	return nil
}

// close syncs and closes the segment, after cutting what a failed write left.
func (w *segmentWriter) close() error {
	if w.f == nil {
		return w.broken
	}
	err := w.cut()
	if w.broken == nil && w.dirty {
		err = errors.Join(err, w.sync())
	}
	err = errors.Join(err, w.broken, w.f.Close())
	w.f = nil
	if err != nil {
		return fmt.Errorf("audit: close: %w", err)
	}
	return nil
}
