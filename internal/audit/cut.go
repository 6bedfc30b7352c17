package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// What a start cuts off is kept beside its segment, <number>.cut, and is called
// <number>.torn once a record tells of it. Nothing reads it again.
const (
	cutSuffix  = ".cut"
	toldSuffix = ".torn"
)

// A Cut is the end of a segment that a start has cut off: a crash had left it so
// that it cannot be read.
type Cut struct {
	Epoch, Segment uint64
	Offset         int64  // in the segment, bytes
	Bytes          int64  // without zeros at its end
	Records        uint64 // that are whole in it, behind something that is not
	File           string // where it is kept, in the node's directory, once Told was called
}

// Cuts are what starts have cut off and no record tells of yet: this one, or an
// earlier one that was ended before it could have one written.
func (t *Trail) Cuts() []Cut { return t.cuts }

// Told notes that records tell of all Cuts, and are durable.
func (t *Trail) Told() error {
	for _, c := range t.cuts {
		told := filepath.Join(t.w.dir, c.File)
		if err := t.opts.fs.rename(strings.TrimSuffix(told, toldSuffix)+cutSuffix, told); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if err := t.opts.fs.syncDir(filepath.Dir(told)); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	t.cuts = nil
	return nil
}

// setAside copies n bytes of a segment, from an offset on, into a file beside it.
func setAside(fs fsys, path string, offset, n int64) error {
	s, err := fs.open(path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	if _, err := io.CopyN(io.Discard, s, offset); err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(s, n))
	if err != nil {
		return err
	}
	aside := strings.TrimSuffix(path, ".log") + cutSuffix
	if err := fs.remove(aside); err != nil { // of a start that was ended here
		return err
	}
	f, err := fs.create(aside)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(content, 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fs.syncDir(filepath.Dir(aside))
}

// findCuts finds what was cut off and not told of.
func findCuts(fs fsys, nodeDir string, node [16]byte) (cuts []Cut, err error) {
	epochs, err := fs.list(nodeDir)
	if err != nil {
		return nil, err
	}
	for _, name := range epochs {
		epoch, ok := parseNumber(name)
		if !ok {
			continue
		}
		files, err := fs.list(filepath.Join(nodeDir, name))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			base, isCut := strings.CutSuffix(file, cutSuffix)
			number, ok := parseNumber(base)
			if !ok || !isCut {
				continue
			}
			c := Cut{Epoch: epoch, Segment: number, File: filepath.Join(name, base+toldSuffix)}
			if err := c.measure(fs, nodeDir, segmentID{node: node, epoch: epoch, number: number}); err != nil {
				return nil, err
			}
			cuts = append(cuts, c)
		}
	}
	return cuts, nil
}

// measure says how much was cut off a segment.
func (c *Cut) measure(fs fsys, nodeDir string, id segmentID) error {
	s, err := fs.open(id.path(nodeDir))
	if err != nil {
		return err
	}
	c.Offset, err = io.Copy(io.Discard, s)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	f, err := fs.open(strings.TrimSuffix(id.path(nodeDir), ".log") + cutSuffix)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	c.Bytes = int64(len(content))
	in := scanner{id: id}
	in.wholeRecords(content, func(int) bool { c.Records++; return true })
	return nil
}

// wholeRecords finds the records in b that are whole, wherever they start, until
// found returns false.
func (s *scanner) wholeRecords(b []byte, found func(start int) bool) {
	// A record shows by the node that stands 40 bytes after its start.
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], s.id.node[:])
		if i < 0 {
			return
		}
		at += i
		if start := at - prefixBytes - 32; start >= 0 && s.wholeRecord(b[start:]) && !found(start) {
			return
		}
	}
}
