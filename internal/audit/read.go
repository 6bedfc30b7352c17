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
	Offset       int64 // of the record in its segment, bytes
	PreviousHash [32]byte
	Hash         [32]byte // of this record
	JSON         []byte   // valid until the next record is read

	place uint32 // bytes of the same write before it
}

// Records reads the trails of all nodes below dir, node after node, each in
// order, and verifies what it reads: headers, checksums, the chain of hashes
// and the sequence, across segments and epochs. It ends with the first error:
// ErrDamaged, or ErrTorn at the end of a node's newest segment, which a crash
// leaves and a running writer may show, as it shows zeros after the last record. A trail may begin with any record, so
// that old segments can be moved away; from there on nothing may miss.
// A sealed segment ends it with ErrSealed.
func Records(dir string) iter.Seq2[Record, error] { return RecordsWith(dir, nil) }

// RecordsWith is Records, of which o opens the segments that are sealed.
func RecordsWith(dir string, o Opener) iter.Seq2[Record, error] {
	return records(unsealing{osFS{}, o}, dir)
}

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
		if i < len(segments)-1 || id.epoch < lastEpoch {
			err = end.whole(err)
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
	size  int64 // 0 if not even the header is whole
	head  Head  // after its last record; zero if it has none
	zeros bool  // it has only zeros from there to its end, and some
	torn  int64 // with ErrTorn: how much is torn, without the zeros at its end
}

// whole takes the result of scanning a segment that is not the newest, which
// no crash leaves torn or with zeros.
func (e segmentEnd) whole(err error) error {
	switch {
	case errors.Is(err, ErrTorn):
		return fmt.Errorf("%w: %v before the newest segment", ErrDamaged, err)
	case err == nil && e.zeros:
		return fmt.Errorf("%w: zeros before the newest segment", ErrDamaged)
	}
	return err
}

// scanSegment reads a segment's records and verifies them; head, if not nil,
// is the chain before it. ErrTorn: its end is what a crash leaves. The size
// and head returned hold with ErrTorn too.
func scanSegment(fs fsys, nodeDir string, id segmentID, head *Head, yield func(Record) bool) (segmentEnd, error) {
	return scanWritten(fs, nodeDir, id, Strict, head, yield)
}

// scanWritten is scanSegment of a segment that was written in a mode, which says
// what a crash can leave.
func scanWritten(fs fsys, nodeDir string, id segmentID, mode Mode, head *Head, yield func(Record) bool) (segmentEnd, error) {
	path := id.path(nodeDir)
	f, err := fs.open(path)
	if err != nil {
		return segmentEnd{}, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	s := scanner{r: bufio.NewReaderSize(f, 32<<10), id: id, head: head}
	err = s.scan(yield)
	if errors.Is(err, ErrTorn) && s.end.size > 0 {
		err = s.judge(fs, path, mode)
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
	next uint32 // place of the next record, unless it begins another write
	buf  []byte
}

func (s *scanner) scan(yield func(Record) bool) error {
	if err := s.header(); err != nil {
		return err
	}
	return s.records(yield)
}

// records reads the records up to the segment's end.
func (s *scanner) records(yield func(Record) bool) error {
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
		r.Offset = s.end.size
		s.head = &Head{Epoch: r.Epoch, Sequence: r.Sequence, Hash: r.Hash}
		s.end.head = *s.head
		s.end.size += int64(prefixBytes + len(body))
		s.next = r.place + uint32(prefixBytes+len(body))
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
// there is none, nothing or only zeros being left.
func (s *scanner) frame() ([]byte, error) {
	if first, err := s.r.Peek(lengthBytes); err == io.EOF && len(first) == 0 {
		return nil, io.EOF
	} else if allZero(first) {
		return nil, s.zeros()
	}
	var prefix [prefixBytes]byte
	if _, err := io.ReadFull(s.r, prefix[:]); err != nil {
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

// zeros reads to the end of the file; io.EOF means that it has nothing but zeros.
func (s *scanner) zeros() error {
	for {
		switch b, err := s.r.ReadByte(); {
		case err == io.EOF:
			s.end.zeros = true
			return io.EOF
		case err != nil:
			return fmt.Errorf("audit: %w", err)
		case b != 0:
			return ErrTorn
		}
	}
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

func validBodyLen(n uint32) bool { return n > chainBytes && n <= chainBytes+MaxRecordBytes }

// link verifies a record's place in the chain. Its checksum is right, so what
// is wrong here was not left by a crash.
func (s *scanner) link(body []byte) (Record, error) {
	r := Record{
		Segment:  s.id.number,
		Epoch:    uint64(binary.BigEndian.Uint32(body[52:])),
		Sequence: binary.BigEndian.Uint64(body[56:]),
		Hash:     sha256.Sum256(body),
		JSON:     body[chainBytes:],
		place:    binary.BigEndian.Uint32(body[48:]),
	}
	copy(r.PreviousHash[:], body)
	copy(r.Node[:], body[32:])
	switch {
	case r.Node != s.id.node || r.Epoch != s.id.epoch:
		return r, fmt.Errorf("%w: record of another node or epoch", ErrDamaged)
	case r.Sequence == 0 || (r.Sequence == 1) != (r.PreviousHash == hash{}):
		return r, fmt.Errorf("%w: record %d cannot be a chain's first", ErrDamaged, r.Sequence)
	case r.place != 0 && r.place != s.next:
		return r, fmt.Errorf("%w: record %d stands elsewhere in its write", ErrDamaged, r.Sequence)
	case s.head != nil && r.Sequence != s.head.Sequence+1:
		return r, fmt.Errorf("%w: record %d after %d", ErrDamaged, r.Sequence, s.head.Sequence)
	case s.head != nil && r.PreviousHash != s.head.Hash:
		return r, fmt.Errorf("%w: record %d does not follow the one before", ErrDamaged, r.Sequence)
	}
	return r, nil
}

// judge says whether an unreadable rest of a segment is a torn tail. A crash
// damages only what was not synced, and of that any sectors may have reached
// the disk, later ones before earlier ones. So whole records may follow, if a
// sector of the unreadable record is missing. With Strict, only the last write was
// not synced: the write of what follows must have begun no later than the unreadable
// record. A record whose write began later is proof that the unreadable one had
// been synced. In the other modes nothing is known of what is not synced but that
// no digest covers it, which Open checks.
func (s *scanner) judge(fs fsys, path string, mode Mode) error {
	rest, err := s.rest(fs, path)
	if err != nil {
		return err
	}
	s.end.torn = int64(len(bytes.TrimRight(rest, "\x00")))
	return s.judgeRest(rest, s.end.size, mode)
}

// judgeRest judges what stands at an offset of the segment.
func (s *scanner) judgeRest(rest []byte, offset int64, mode Mode) (err error) {
	first := true
	err = ErrTorn
	s.wholeRecords(rest, func(start int) bool {
		if start == 0 {
			return false // it became whole just now: somebody is writing
		}
		place := int(binary.BigEndian.Uint32(rest[start+prefixBytes+32+len(s.id.node):]))
		if mode == Strict && place < start || first && !lacksSector(rest[:start], offset) {
			err = fmt.Errorf("%w: a whole record stands %d bytes after an unreadable one", ErrDamaged, start)
			return false
		}
		first = false
		return true
	})
	return err
}

// rest reads what comes after the last whole record.
func (s *scanner) rest(fs fsys, path string) ([]byte, error) {
	f, err := fs.open(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if _, err := io.CopyN(io.Discard, f, s.end.size); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return rest, nil
}

// lacksSector reports whether b, which stands at that offset of a file, has
// only zeros in one of the disk's sectors: none of a write, because what was
// there before it is zeros.
func lacksSector(b []byte, offset int64) bool {
	for len(b) > 0 {
		n := min(len(b), sectorBytes-int(offset%sectorBytes))
		if allZero(b[:n]) {
			return true
		}
		b, offset = b[n:], offset+int64(n)
	}
	return false
}

// wholeRecord reports whether b starts with a record of this segment's epoch
// whose checksum is right.
func (s *scanner) wholeRecord(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	if !validBodyLen(n) || len(b)-prefixBytes < int(n) {
		return false
	}
	body := b[prefixBytes : prefixBytes+n]
	return uint64(binary.BigEndian.Uint32(body[52:])) == s.id.epoch && crc32c(body) == binary.BigEndian.Uint32(b[4:])
}

// tornOr is ErrTorn for a file that ends too early, else the error of the disk.
func tornOr(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTorn
	}
	return fmt.Errorf("audit: %w", err)
}
