package tlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"trent/internal/audit"
)

// Config is what a Log is made of.
type Config struct {
	Trail  string       // folder of the audit trails
	Opener audit.Opener // of sealed segments; nil: they cannot be read
	Folder string       // of the logs
	Node   [16]byte
	Signer Signer
	// Covered is the last record that a digest covers; its sequence is 0 if there is
	// none.
	Covered func() audit.Head
	Wake    <-chan struct{} // there may be another digest
	Every   time.Duration   // the least time between checkpoints; default a minute
	// Share bounds what the tree takes of one processor: a Share-th of the time; 0
	// and 1 do not.
	Share int
	Now   func() time.Time
	Log   *slog.Logger
}

// Log makes a node's transparency log.
type Log struct {
	Config
	folder folder

	// The state behind the last checkpoint; nil before it is read.
	tree    *Tree
	out     *output
	entries [][32]byte // of the bundle that is not full
	last    [32]byte   // entry
	prior   *Checkpoint
	stale   []string // partial tiles that full ones have replaced
	failure error    // of writing a full tile
	made    int      // checkpoints

	state atomic.Pointer[State]
}

// State is how far a log is.
type State struct {
	Size     uint64    // of the last checkpoint; 0: there is none
	File     []byte    // the checkpoint
	Keys     []string  // verifier keys of the log
	Current  time.Time // when the checkpoint was last known to have all that digests cover
	Failure  string    // why the last try made none; "" if it did
	Failures uint64    // since the start
}

// New returns the log of a node. It reads nothing yet.
func New(c Config) *Log {
	l := &Log{Config: c, folder: folder(FolderOf(c.Folder, c.Node))}
	if l.Every == 0 {
		l.Every = time.Minute
	}
	l.state.Store(&State{})
	return l
}

// FolderOf is the folder of a node's log.
func FolderOf(logs string, node [16]byte) string {
	return filepath.Join(logs, strings.TrimPrefix(Origin(node), originPrefix))
}

// State is how far the log is.
func (l *Log) State() State { return *l.state.Load() }

// Run makes a checkpoint whenever there is another digest, until the context ends.
func (l *Log) Run(ctx context.Context) {
	for ctx.Err() == nil {
		made := l.made
		if err := l.Update(ctx); err != nil && ctx.Err() == nil {
			l.Log.Error("no checkpoint of the audit trail could be made", "error", err)
		}
		if l.made != made {
			l.pause(ctx, l.Every)
		}
		select {
		case <-ctx.Done():
		case <-l.Wake:
		}
	}
}

// pause waits so long, or until the context ends.
func (l *Log) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Update makes a checkpoint of what the last digest covers, if it covers more than
// the last checkpoint. Only one may run at a time.
func (l *Log) Update(ctx context.Context) error {
	err := l.update(ctx)
	s := l.State()
	s.Failure = ""
	if err != nil && ctx.Err() == nil {
		s.Failure, s.Failures = err.Error(), s.Failures+1
	}
	if err != nil {
		l.tree = nil // it may be ahead of what is on the disk
	}
	l.state.Store(&s)
	return err
}

func (l *Log) update(ctx context.Context) error {
	covered, now := l.Covered(), l.Now()
	if err := l.open(ctx); err != nil {
		return err
	}
	if covered.Sequence > l.tree.size {
		if err := l.extend(ctx, covered); err != nil {
			return err
		}
		if err := l.publish(ctx); err != nil {
			return err
		}
	}
	s := l.State()
	s.Current = now
	l.state.Store(&s)
	return nil
}

// open reads the state behind the last checkpoint. If the tiles do not fit it, the
// tree is made again from the first record.
func (l *Log) open(ctx context.Context) error {
	if l.tree != nil {
		return nil
	}
	keys, err := l.keys(ctx)
	if err != nil {
		return err
	}
	l.prior, l.entries, l.last, l.stale, l.failure = nil, nil, [32]byte{}, nil, nil
	file, err := audit.ReadRegular(filepath.Join(string(l.folder), checkpointName), maxCheckpoint)
	if err == nil {
		c, err := ParseCheckpoint(file, keys...)
		if err == nil && c.Origin == Origin(l.Node) && len(c.Signers) > 0 {
			l.prior = c
		} else {
			l.Log.Error("the checkpoint of the audit trail is damaged, or is not this service's: the tree is made again", "folder", string(l.folder), "error", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tree := &Tree{}
	if l.prior != nil {
		tree, l.entries, l.last, err = l.folder.readTree(l.prior)
		if errors.Is(err, errTile) {
			l.Log.Warn("the tiles of the audit trail are missing or damaged: the tree is made again", "folder", string(l.folder), "error", err)
			tree, l.entries, l.last = &Tree{}, nil, [32]byte{}
		} else if err != nil {
			return err
		} else {
			l.show(l.prior.Size, file, keys)
		}
	}
	if l.out, err = outputTo(l.folder, tree.size == 0); err != nil {
		return err
	}
	tree.full = func(level int, number uint64, hashes []tlog.Hash) {
		l.failure = errors.Join(l.failure, l.out.writeTile(level, number, hashes))
		l.stale = append(l.stale, l.out.partials(level, number))
	}
	l.tree = tree
	return nil
}

func (l *Log) keys(ctx context.Context) ([]*Key, error) {
	public, err := l.Signer.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var keys []*Key
	for _, spki := range public {
		k, err := LogKey(Origin(l.Node), spki)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// show lets State tell of a checkpoint.
func (l *Log) show(size uint64, file []byte, keys []*Key) {
	s := l.State()
	s.Size, s.File, s.Keys = size, file, nil
	for _, k := range keys {
		s.Keys = append(s.Keys, k.String())
	}
	l.state.Store(&s)
}

// extend adds the records up to the one that a digest covers.
func (l *Log) extend(ctx context.Context, covered audit.Head) error {
	segments, err := audit.SegmentsWith(l.Trail, l.Node, l.Opener)
	if err != nil {
		return err
	}
	first, err := holding(segments, l.tree.size+1)
	if err != nil {
		return err
	}
	began := time.Now()
	for i := first; i < len(segments) && l.tree.size < covered.Sequence && err == nil; i++ {
		scan := segments[i].Scan(func(r audit.Record) bool {
			if r.Sequence <= l.tree.size {
				return true
			}
			if err = l.add(&r); err != nil || l.tree.size == covered.Sequence {
				return false
			}
			if l.tree.size%1024 == 0 {
				began = l.rest(ctx, began)
			}
			return ctx.Err() == nil
		})
		if err == nil {
			err = scan
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	switch {
	case err != nil:
		return err
	case l.tree.size != covered.Sequence:
		return fmt.Errorf("tlog: the trail ends with record %d, and a digest covers record %d", l.tree.size, covered.Sequence)
	case l.last != covered.Hash:
		return fmt.Errorf("tlog: record %d is not the one that a digest covers", covered.Sequence)
	}
	return l.failure
}

// errGone: older records are needed, and are not in the trail any more.
var errGone = errors.New("tlog: records are not in the trail any more, and the tiles do not have them")

// holding finds the segment with a record.
func holding(segments []audit.Segment, sequence uint64) (int, error) {
	first := uint64(0)
	for i := len(segments) - 1; i >= 0; i-- {
		err := segments[i].Scan(func(r audit.Record) bool { first = r.Sequence; return false })
		if err != nil {
			return 0, err
		}
		if first > 0 && first <= sequence {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: records %d to %d; put back the segments, or the log's folder", errGone, sequence, first-1)
}

// add adds the next record, with what the bundles and tiles then have.
func (l *Log) add(r *audit.Record) error {
	if r.Sequence != l.tree.size+1 || r.PreviousHash != l.last {
		return fmt.Errorf("tlog: record %d does not follow record %d, which the tree has", r.Sequence, l.tree.size)
	}
	l.tree.Add(r.Hash)
	l.last = r.Hash
	l.entries = append(l.entries, r.Hash)
	if len(l.entries) == tileWidth {
		number := (l.tree.size - 1) / tileWidth
		if err := l.out.writeEntries(number, l.entries); err != nil {
			return err
		}
		l.stale = append(l.stale, l.out.partials(entriesLevel, number))
		l.entries = l.entries[:0]
	}
	if l.prior != nil && l.tree.size == l.prior.Size && l.tree.Root() != l.prior.Root {
		return fmt.Errorf("tlog: the trail is not the one of which the checkpoint of size %d was signed", l.prior.Size)
	}
	return l.failure
}

// rest gives the processor to requests after some work.
func (l *Log) rest(ctx context.Context, began time.Time) time.Time {
	if l.Share > 1 {
		l.pause(ctx, time.Since(began)*time.Duration(l.Share-1))
	}
	return time.Now()
}

// publish writes the tiles that are not full, has everything synced, and then
// signs and writes the checkpoint.
func (l *Log) publish(ctx context.Context) error {
	if l.prior != nil && l.tree.size < l.prior.Size {
		return fmt.Errorf("tlog: a checkpoint of size %d was signed, and digests cover %d records", l.prior.Size, l.tree.size)
	}
	if err := l.edge(); err != nil {
		return err
	}
	keys, err := l.keys(ctx)
	if err != nil {
		return err
	}
	file, err := sign(ctx, l.Signer, Origin(l.Node), l.tree.size, l.tree.Root(), l.Now())
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(file, keys...)
	if err != nil || len(c.Signers) == 0 {
		return fmt.Errorf("tlog: the crypto module's signature does not verify: %w", err)
	}
	if err := l.out.settle(l.folder); err != nil {
		return err
	}
	if err := l.writeKeys(keys); err != nil {
		return err
	}
	if err := l.folder.replace(checkpointName, file); err != nil {
		return err
	}
	for _, path := range l.stale {
		_ = os.RemoveAll(path) // what stays does no harm
	}
	l.prior, l.stale = c, nil
	l.made++
	l.show(c.Size, file, keys)
	return nil
}

// edge writes the tiles and the bundle that are not full, and has everything synced.
func (l *Log) edge() error {
	for level, size := 0, l.tree.size; level < len(l.tree.levels); level, size = level+1, size/tileWidth {
		if hashes := l.tree.levels[level]; len(hashes) > 0 {
			if err := l.out.writeTile(level, size/tileWidth, hashes); err != nil {
				return err
			}
		}
	}
	if len(l.entries) > 0 {
		if err := l.out.writeEntries(l.tree.size/tileWidth, l.entries); err != nil {
			return err
		}
	}
	return l.out.sync()
}

// writeKeys writes the verifier keys, unless they stand there.
func (l *Log) writeKeys(keys []*Key) error {
	lines := ""
	for _, k := range keys {
		lines += k.String() + "\n"
	}
	if b, err := audit.ReadRegular(filepath.Join(string(l.folder), keysName), maxCheckpoint); err == nil && string(b) == lines {
		return nil
	}
	return l.folder.replace(keysName, []byte(lines))
}
