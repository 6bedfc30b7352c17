package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
)

// Record is one record as it stands in a segment.
type Record struct {
	Node         [16]byte
	Epoch        uint64
	Segment      uint64
	Sequence     uint64
	PreviousHash [32]byte
	Hash         [32]byte // of this record
	JSON         []byte   // valid until the next record is read
}

// Records reads the trails of all nodes below dir, node after node, each in
// order, and verifies what it reads: headers, checksums, the chain of hashes
// and the sequence, across segments and epochs. It ends with the first error:
// ErrDamaged, or ErrTorn at the end of a node's newest segment, which a crash
// leaves and a running writer may show. A trail may begin with any record, so
// that old segments can be moved away; from there on nothing may miss.
func Records(dir string) iter.Seq2[Record, error] { return records(osFS{}, dir) }

func records(fs fsys, dir string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		names, err := fs.list(dir)
		if err != nil {
			yield(Record{}, fmt.Errorf("audit: %w", err))
			return
		}
		for _, name := range names {
			var node [16]byte
			if id, err := hex.DecodeString(name); err != nil || len(id) != len(node) {
				continue // not a node's directory
			} else {
				copy(node[:], id)
			}
			if !nodeRecords(fs, filepath.Join(dir, name), node, yield) {
				return
			}
		}
	}
}

// nodeRecords yields one node's records and reports whether to go on.
func nodeRecords(fs fsys, nodeDir string, node [16]byte, yield func(Record, error) bool) bool {
	segments, lastEpoch, err := listSegments(fs, nodeDir, node)
	if err != nil {
		return yield(Record{}, err) && false
	}
	var head *Head
	for i, id := range segments {
		stopped := false
		end, err := scanSegment(fs, nodeDir, id, head, func(r Record) bool {
			stopped = !yield(r, nil)
			return !stopped
		})
		if stopped {
			return false
		}
		if errors.Is(err, ErrTorn) && (i < len(segments)-1 || id.epoch < lastEpoch) {
			err = fmt.Errorf("%w: %w before the newest segment", ErrDamaged, err)
		}
		if err != nil {
			yield(Record{}, err)
			return false
		}
		if end.head.Sequence > 0 {
			head = &end.head
		}
	}
	return true
}

// segmentEnd is where the whole records of a segment end.
type segmentEnd struct {
	size int64 // 0 if not even the header is whole
	head Head  // after its last record; zero if it has none
}

// scanSegment reads a segment's records and verifies them; head, if not nil,
// is the chain before it. ErrTorn: its end is what a crash leaves. The size
// and head returned hold with ErrTorn too.
func scanSegment(fs fsys, nodeDir string, id segmentID, head *Head, yield func(Record) bool) (segmentEnd, error) {
	path := id.path(nodeDir)
	f, err := fs.open(path)
	if err != nil {
		return segmentEnd{}, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	s := scanner{r: bufio.NewReaderSize(f, 32<<10), id: id, head: head}
	err = s.scan(yield)
	if errors.Is(err, ErrTorn) && s.end.size > 0 {
		err = s.judge(fs, path)
	}
	if err != nil {
		err = fmt.Errorf("%w: segment %s of epoch %d, offset %d", err, segmentName(id.number), id.epoch, s.end.size)
	}
	return s.end, err
}

// scanner reads one segment.
type scanner struct {
	r    *bufio.Reader
	id   segmentID
	head *Head // nil: not known, anything may come
	end  segmentEnd
	buf  []byte
}

func (s *scanner) scan(yield func(Record) bool) error {
	if err := s.header(); err != nil {
		return err
	}
	for {
		body, err := s.frame()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := s.link(body)
		if err != nil {
			return err
		}
		s.head = &Head{Epoch: r.Epoch, Sequence: r.Sequence, Hash: r.Hash}
		s.end.head = *s.head
		s.end.size += int64(prefixBytes + len(body))
		if !yield(r) {
			return nil
		}
	}
}

// header reads the segment's header. One that is wrong is torn only in a file
// that holds nothing else: records are written after it is durable.
func (s *scanner) header() error {
	var header [headerBytes]byte
	if _, err := io.ReadFull(s.r, header[:]); err != nil {
		return tornOr(err)
	}
	if !s.id.isHeader(header[:]) {
		if _, err := s.r.Peek(1); err == io.EOF {
			return ErrTorn
		}
		return fmt.Errorf("%w: wrong header", ErrDamaged)
	}
	s.end.size = headerBytes
	return nil
}

// frame reads the next record and verifies its checksum; io.EOF means that
// there is none.
func (s *scanner) frame() ([]byte, error) {
	var prefix [prefixBytes]byte
	if n, err := io.ReadFull(s.r, prefix[:]); err != nil {
		if n == 0 && err == io.EOF {
			return nil, io.EOF
		}
		return nil, tornOr(err)
	}
	n := binary.BigEndian.Uint32(prefix[:])
	if !validBodyLen(n) {
		return nil, ErrTorn
	}
	if cap(s.buf) < int(n) {
		s.buf = make([]byte, n)
	}
	body := s.buf[:n]
	if _, err := io.ReadFull(s.r, body); err != nil {
		return nil, tornOr(err)
	}
	if crc32c(body) != binary.BigEndian.Uint32(prefix[4:]) {
		return nil, ErrTorn
	}
	return body, nil
}

func validBodyLen(n uint32) bool { return n > chainBytes && n <= chainBytes+MaxRecordBytes }

// link verifies a record's place in the chain. Its checksum is right, so what
// is wrong here was not left by a crash.
func (s *scanner) link(body []byte) (Record, error) {
	r := Record{
		Segment:  s.id.number,
		Epoch:    binary.BigEndian.Uint64(body[48:]),
		Sequence: binary.BigEndian.Uint64(body[56:]),
		Hash:     sha256.Sum256(body),
		JSON:     body[chainBytes:],
	}
	copy(r.PreviousHash[:], body)
	copy(r.Node[:], body[32:])
	switch {
	case r.Node != s.id.node || r.Epoch != s.id.epoch:
		return r, fmt.Errorf("%w: record of another node or epoch", ErrDamaged)
	case r.Sequence == 0 || (r.Sequence == 1) != (r.PreviousHash == hash{}):
		return r, fmt.Errorf("%w: record %d cannot be a chain's first", ErrDamaged, r.Sequence)
	case s.head != nil && r.Sequence != s.head.Sequence+1:
		return r, fmt.Errorf("%w: record %d after %d", ErrDamaged, r.Sequence, s.head.Sequence)
	case s.head != nil && r.PreviousHash != s.head.Hash:
		return r, fmt.Errorf("%w: record %d does not follow the one before", ErrDamaged, r.Sequence)
	}
	return r, nil
}

// judge says whether an unreadable rest of a segment is a torn tail: it is
// not if any whole record of the segment stands in it, for a crash damages
// only what was written last.
func (s *scanner) judge(fs fsys, path string) error {
	f, err := fs.open(path)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if _, err := io.CopyN(io.Discard, f, s.end.size); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	// A record shows by the node and epoch that stand 40 bytes after its start.
	mark := binary.BigEndian.AppendUint64(s.id.node[:], s.id.epoch)
	for at := 0; ; at++ {
		i := bytes.Index(rest[at:], mark)
		if i < 0 {
			return ErrTorn
		}
		at += i
		if start := at - prefixBytes - 32; start >= 0 && wholeRecord(rest[start:]) {
			return fmt.Errorf("%w: a whole record stands %d bytes after an unreadable one", ErrDamaged, start)
		}
	}
}

// wholeRecord reports whether b starts with a record whose checksum is right.
func wholeRecord(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	if !validBodyLen(n) || len(b)-prefixBytes < int(n) {
		return false
	}
	return crc32c(b[prefixBytes:prefixBytes+n]) == binary.BigEndian.Uint32(b[4:])
}

// tornOr is ErrTorn for a file that ends too early, else the error of the disk.
func tornOr(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTorn
	}
	return fmt.Errorf("audit: %w", err)
}
