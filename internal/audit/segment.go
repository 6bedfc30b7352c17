package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// errSync marks a failed sync of records that were acknowledged without one: what
// of them the kernel has dropped nobody knows, so the segment is not trusted any more.
var errSync = errors.New("sync")

// epochName and segmentName are the names in a node's directory.
func epochName(epoch uint64) string    { return fmt.Sprintf("%08d", epoch) }
func segmentName(number uint64) string { return fmt.Sprintf("%08d%s", number, clearSuffix) }

// writebackBytes is how much may gather, where appends do not sync, before the
// kernel is asked to begin writing it: the sync at a segment's end, for which
// all appends wait, would otherwise have the whole segment to write.
const writebackBytes = 1 << 20

// fillBytes is how far ahead of the records zeros are written, where appends
// sync. The sync of a record that overwrites zeros has no metadata to write,
// which saves half of its time; the zeros themselves go to the disk with the
// one append in about a thousand that finds none left.
const fillBytes = 1 << 20

// probeBytes is what a disk that was full must have room for.
const probeBytes = 64 << 10

// segmentWriter appends to the segments of one epoch. It is used by one
// goroutine at a time.
type segmentWriter struct {
	fs       fsys
	dir      string // the node's
	maxBytes int64
	strict   bool      // every append syncs: zeros are written ahead of the records, and a failed sync loses nothing that was acknowledged
	id       segmentID // of the segment being written; number 0 before the first
	f        file      // nil after a next that failed
	size     int64     // whole records and header
	filled   int64     // if more than size: f may have zeros up to here
	torn     bool      // f may hold more than size and zeros: a write failed
	dirty    bool      // f may hold something that is not synced
	started  int64     // up to here the kernel was asked to write f back
	broken   error     // a sync failed
	syncs    uint64    // counts them
	synced   func(took time.Duration)
	closed   func() // a segment has ended
}

// append writes whole records, and syncs them if sync is set. On an error the
// segment holds nothing of them, or what it holds is cut before anything else
// is written; after errSync nothing is written ever. It begins the
// next segment first if this one is full and not pinned.
func (w *segmentWriter) append(records []byte, sync, pinned bool) error {
	if w.broken != nil {
		return w.broken
	}
	if err := w.cut(); err != nil {
		return err
	}
	full := w.size > headerBytes && w.size+int64(len(records)) > w.maxBytes
	if w.f == nil || full && !pinned {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	w.torn, w.dirty = true, true
	if _, err := w.f.WriteAt(records, w.size); err != nil {
		err = fmt.Errorf("write segment: %w", err)
		return errors.Join(err, w.cut())
	}
	w.torn = false
	w.size += int64(len(records))
	w.fill()
	if sync {
		err := w.sync()
		if err != nil {
			// Whatever of it is on the disk: it is cut before the next is written.
			w.size -= int64(len(records))
			w.torn = true
		}
		return err
	}
	if n := w.size - w.started; n >= writebackBytes {
		w.f.startWriteback(w.started, n)
		w.started = w.size
	}
	return nil
}

// fill writes the next zeros if the last are used up, but none beyond the
// segment's end. If it cannot, on a full disk perhaps, the records themselves
// make the file longer, as far as they can.
func (w *segmentWriter) fill() {
	end := min(w.size+fillBytes, w.maxBytes)
	if w.strict && w.filled <= w.size && end > w.size {
		w.filled = end
		_ = w.f.zero(w.size, end-w.size)
	}
}

// cut takes away what a failed write has left, durably: where the next write
// goes nothing of this one may turn up after a crash.
func (w *segmentWriter) cut() error {
	if !w.torn || w.f == nil {
		return nil
	}
	if err := w.f.Truncate(w.size); err != nil {
		return fmt.Errorf("cut a partial write: %w", err)
	}
	w.filled = w.size
	err := w.sync()
	w.torn = err != nil
	return err
}

// probe finds out whether the disk takes records again: it cuts what a failed
// write has left, begins the segment that could not be begun, and writes and
// syncs zeros after the records.
func (w *segmentWriter) probe() error {
	if w.broken != nil {
		return w.broken
	}
	if err := w.cut(); err != nil {
		return err
	}
	if w.f == nil {
		return w.next()
	}
	if _, err := w.f.WriteAt(make([]byte, probeBytes), w.size); err != nil {
		w.torn = true
		return errors.Join(fmt.Errorf("write segment: %w", err), w.cut())
	}
	if w.torn = true; !w.strict {
		return w.cut() // zeros stand before records only where each write is synced
	}
	w.filled = max(w.filled, w.size+probeBytes)
	err := w.sync()
	w.torn = err != nil
	return err
}

// finish cuts the zeros and makes the segment durable as it then is.
func (w *segmentWriter) finish() error {
	if w.filled > w.size {
		if err := w.f.Truncate(w.size); err != nil {
			return fmt.Errorf("cut zeros: %w", err)
		}
		w.filled, w.dirty = w.size, true
	}
	if !w.dirty {
		return nil
	}
	return w.sync()
}

// sync makes what is written durable. If it fails, the kernel forgets what was not
// written, and a second sync would succeed. With strict that is at most the write that
// nobody was told of, which is cut; otherwise it may be any record since the last sync.
func (w *segmentWriter) sync() error {
	w.syncs++
	began := time.Now()
	err := w.f.Sync()
	w.synced(time.Since(began))
	switch {
	case err == nil:
		w.dirty = false
		return nil
	case w.strict:
		return fmt.Errorf("sync segment: %w", err)
	}
	w.broken = fmt.Errorf("%w segment: %w", errSync, err)
	return w.broken
}

// rotate ends the segment, durably and whatever the mode, because only the
// newest one may end in a torn record or in zeros, and begins the next.
func (w *segmentWriter) rotate() error {
	if w.f != nil {
		if err := w.finish(); err != nil {
			return err
		}
		err := w.f.Close()
		w.f = nil
		if err != nil {
			return fmt.Errorf("close segment: %w", err)
		}
		defer w.closed()
	}
	return w.next()
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
	_, err = f.WriteAt(id.header(), 0)
	if err == nil {
		w.syncs++
		err = f.Sync()
	}
	if err == nil {
		err = w.fs.syncDir(epochDir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("audit: make segment: %w", err), f.Close())
	}
	w.f, w.id, w.size, w.filled, w.started, w.torn, w.dirty = f, id, headerBytes, 0, 0, false, false
	return nil
}

// close syncs and closes the segment, after cutting what is not a record.
func (w *segmentWriter) close() error {
	if w.f == nil {
		return w.broken
	}
	err := w.cut()
	if w.broken == nil {
		err = errors.Join(err, w.finish())
	}
	err = errors.Join(err, w.broken, w.f.Close())
	w.f = nil
	if err != nil {
		return fmt.Errorf("audit: close: %w", err)
	}
	return nil
}
