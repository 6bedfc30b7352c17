package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Segment is a segment's file.
type Segment struct {
	Node   [16]byte
	Epoch  uint64
	Number uint64
	Path   string
	Bytes  int64 // in the clear
	Newest bool  // of its node: it may grow
	Sealed bool

	opener Opener
}

// Segments lists the segments of a node below dir, oldest first. Other processes
// may be writing meanwhile.
func Segments(dir string, node [16]byte) ([]Segment, error) { return SegmentsWith(dir, node, nil) }

// SegmentsWith is Segments, of which o opens those that are sealed.
func SegmentsWith(dir string, node [16]byte, o Opener) ([]Segment, error) {
	nodeDir := filepath.Join(dir, hex.EncodeToString(node[:]))
	ids, _, err := listSegments(osFS{}, nodeDir, node)
	if err != nil {
		return nil, err
	}
	var segments []Segment
	for i, id := range ids {
		s := Segment{Node: node, Epoch: id.epoch, Number: id.number, Path: id.path(nodeDir), Newest: i == len(ids)-1, Sealed: id.sealed, opener: o}
		info, err := os.Stat(s.Path)
		if errors.Is(err, os.ErrNotExist) && !s.Sealed {
			s.Path, s.Sealed = s.SealedPath(), true // just now
			info, err = os.Stat(s.Path)
		}
		if errors.Is(err, os.ErrNotExist) {
			continue // moved away just now
		}
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		if s.Bytes = info.Size(); s.Sealed {
			s.Bytes = clearBytes(s.Path)
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// Scan reads a segment's records until yield returns false, and verifies their
// checksums and their chain. A sealed one is an ErrSealed without its key. It ends without an error at what a running writer
// has not finished yet.
func (s *Segment) Scan(yield func(Record) bool) error {
	_, err := scanSegment(unsealing{osFS{}, s.opener}, filepath.Dir(filepath.Dir(s.Path)), s.id(), nil, yield)
	if errors.Is(err, ErrTorn) && s.Newest {
		return nil
	}
	return err
}

// ScanBytes is Scan of bytes that are the segment in the clear, which has ended.
func (s *Segment) ScanBytes(b []byte, yield func(Record) bool) error {
	c := scanner{r: bufio.NewReader(bytes.NewReader(b)), id: s.id()}
	err := c.scan(yield)
	return c.end.whole(err)
}

// ReadRecord reads the record at an offset of an open segment, and verifies its
// checksum. buf is memory that may be used.
func (s *Segment) ReadRecord(f io.ReaderAt, offset int64, buf []byte) (Record, error) {
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
	c := scanner{id: s.id()}
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
