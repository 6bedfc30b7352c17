package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Segment is a segment's file.
type Segment struct {
	Node   [16]byte
	Epoch  uint64
	Number uint64
	Path   string
	Bytes  int64
	Newest bool // of its node: it may grow
}

// Segments lists the segments of a node below dir, oldest first. Other processes
// may be writing meanwhile.
func Segments(dir string, node [16]byte) ([]Segment, error) {
	nodeDir := filepath.Join(dir, hex.EncodeToString(node[:]))
	ids, _, err := listSegments(osFS{}, nodeDir, node)
	if err != nil {
		return nil, err
	}
	var segments []Segment
	for i, id := range ids {
		s := Segment{Node: node, Epoch: id.epoch, Number: id.number, Path: id.path(nodeDir), Newest: i == len(ids)-1}
		info, err := os.Stat(s.Path)
		if errors.Is(err, os.ErrNotExist) {
			continue // moved away just now
		}
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		s.Bytes = info.Size()
		segments = append(segments, s)
	}
	return segments, nil
}

// Scan reads a segment's records until yield returns false, and verifies their
// checksums and their chain. It ends without an error at what a running writer
// has not finished yet.
func (s *Segment) Scan(yield func(Record) bool) error {
	_, err := scanSegment(osFS{}, filepath.Dir(filepath.Dir(s.Path)), segmentID{node: s.Node, epoch: s.Epoch, number: s.Number}, nil, yield)
	if errors.Is(err, ErrTorn) && s.Newest {
		return nil
	}
	return err
}

// ReadRecord reads the record at an offset of an open segment, and verifies its
// checksum. buf is memory that may be used.
func (s *Segment) ReadRecord(f *os.File, offset int64, buf []byte) (Record, error) {
	var prefix [prefixBytes]byte
	if _, err := f.ReadAt(prefix[:], offset); err != nil {
		return Record{}, fmt.Errorf("audit: %w", err)
	}
	n := frameLen(prefix[:])
	if !validBodyLen(uint32(n - prefixBytes)) {
		return Record{}, fmt.Errorf("%w: no record at offset %d of %s", ErrDamaged, offset, s.Path)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := f.ReadAt(buf, offset); err != nil {
		return Record{}, fmt.Errorf("audit: %w", err)
	}
	c := scanner{id: segmentID{node: s.Node, epoch: s.Epoch, number: s.Number}}
	if !c.readable(buf) {
		return Record{}, fmt.Errorf("%w: the record at offset %d of %s", ErrDamaged, offset, s.Path)
	}
	c.next = 0
	r, err := c.link(buf[prefixBytes:])
	if r.place != 0 { // its place in a write is not known here
		err = nil
	}
	r.Offset = offset
	return r, err
}
