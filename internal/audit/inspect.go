package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
)

// A Fault is a place in a node's trail that is not as it was written.
type Fault struct {
	Epoch, Segment uint64
	Offset         int64  // in the segment, bytes
	Sequence       uint64 // of the record that is at fault or, if that cannot be read, of the one before it
	Text           string
	// Torn: the newest segment's end is unreadable. A crash leaves that too, and a
	// start cuts it.
	Torn bool
}

// maxInspected bounds what is read of one file, which is not to be trusted.
// A segment has 32 MiB, and one write more.
const maxInspected = 64 << 20

// Nodes are the ids of the nodes that have a trail below dir.
func Nodes(dir string) ([][16]byte, error) {
	names, err := osFS{}.list(dir)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var nodes [][16]byte
	for _, name := range names {
		if id, err := hex.DecodeString(name); err == nil && len(id) == 16 && name == hex.EncodeToString(id) {
			nodes = append(nodes, [16]byte(id))
		}
	}
	return nodes, nil
}

// maxWork bounds the search for records in what is none: so many times the segment is
// read for it, and what comes after is not looked at.
const maxWork = 16

// A Visitor is told what Inspect finds.
type Visitor struct {
	// Record is called for each record that can be read, in order. What it gets is
	// valid until it returns.
	Record func(Record)
	// Fault is called for each place that is wrong.
	Fault func(Fault)
	// Vouch is asked about each sealed segment, by its name in the clear: what a
	// digest says of it, if these are the bytes that it says it of, and what they
	// are in the clear, if there is a key. nil: nothing is known, which is no fault
	// yet.
	Vouch func(name string, epoch, number uint64, stored []byte) (said *Sealed, clear []byte)
	// Closed is told of a sealed segment that was not opened, and fits into the
	// chain as Vouch had it.
	Closed func(said *Sealed)
}

// Inspect reads a node's whole trail below dir and goes on behind what is
// wrong, where Records ends. The error is one of the disk.
func Inspect(dir string, node [16]byte, v Visitor) error {
	in := inspector{nodeDir: filepath.Join(dir, hex.EncodeToString(node[:])), Visitor: v}
	segments, lastEpoch, err := listSegments(osFS{}, in.nodeDir, node)
	if err != nil {
		return err
	}
	r := readAhead(in.nodeDir, segments)
	defer r.close()
	for i, id := range segments {
		if i > 0 {
			in.checkNumbers(segments[i-1], id)
		}
		in.newest = i == len(segments)-1 && id.epoch == lastEpoch
		l := <-r.loaded
		if err := in.segment(&l); err != nil {
			return err
		}
		r.free <- l.b
	}
	return nil
}

// inspector reads the segments of a node.
type inspector struct {
	Visitor
	nodeDir string

	newest bool   // the segment that is read is the last
	gap    string // names that are missing before it, "" if none: no fault unless records are missing too
	head   Head   // of the last record that was read; zero before the first
	id     segmentID
	work   int    // bytes of the segment that were tried in vain as records
	next   uint32 // place of the next record, unless it begins another write
}

// checkNumbers finds segments and epochs that are missing between two. An epoch
// that a failed start has begun has none, which is no fault.
func (in *inspector) checkNumbers(before, id segmentID) {
	switch {
	case id.epoch == before.epoch && id.number == before.number+1, id.epoch == before.epoch+1 && id.number == 1:
	case id.epoch == before.epoch:
		in.gap = fmt.Sprintf(": %d segments are missing before it", id.number-before.number-1)
	default:
		in.gap = fmt.Sprintf(": segments are missing between segment %d of epoch %d and this one", before.number, before.epoch)
	}
}

func (in *inspector) at(offset int, sequence uint64, format string, args ...any) Fault {
	return Fault{Epoch: in.id.epoch, Segment: in.id.number, Offset: int64(offset), Sequence: sequence, Text: fmt.Sprintf(format, args...)}
}

func (in *inspector) segment(l *loaded) error {
	in.id, in.next, in.work = l.id, 0, 0
	switch {
	case errors.Is(l.err, ErrNotRegular):
		in.Fault(in.at(0, in.head.Sequence, "it is no file that a service has written: %v", l.err))
	case l.err != nil:
		return l.err
	case l.id.sealed:
		in.sealed(l.id, l.b)
	default:
		in.clear(l.b)
	}
	return nil
}

// clear reads the bytes of a segment.
func (in *inspector) clear(b []byte) {
	if len(b) < headerBytes || !in.id.isHeader(b[:headerBytes]) {
		f := in.at(0, in.head.Sequence, "the segment has no header of its own")
		f.Torn = in.newest && len(b) <= headerBytes
		in.Fault(f)
	}
	for at := headerBytes; at < len(b); {
		at = in.step(b, at)
	}
}

// step reads what stands at an offset of a segment and returns where to go on.
func (in *inspector) step(b []byte, at int) int {
	s := scanner{id: in.id, next: in.next}
	if s.readable(b[at:]) {
		n := frameLen(b[at:])
		if in.head != (Head{}) {
			s.head = &in.head
		}
		r, err := s.link(b[at+prefixBytes : at+n])
		if err != nil {
			in.Fault(in.at(at, r.Sequence, "%v%s", err, in.gap))
		}
		in.gap = ""
		in.head = Head{Epoch: r.Epoch, Sequence: r.Sequence, Hash: r.Hash}
		in.next = r.place + uint32(n)
		r.Offset = int64(at)
		in.Record(r)
		return at + n
	}
	if allZero(b[at:]) {
		if !in.newest {
			in.Fault(in.at(at, in.head.Sequence, "zeros at the end of a segment that is not the newest"))
		}
		return len(b)
	}
	if in.newest && errors.Is(s.judgeRest(b[at:], int64(at), Relaxed), ErrTorn) {
		f := in.at(at, in.head.Sequence, "%d bytes after record %d are what a crash has left of records", len(bytes.TrimRight(b[at:], "\x00")), in.head.Sequence)
		f.Torn = true
		in.Fault(f)
		return len(b)
	}
	next := at + 1
	for next < len(b) && !s.readable(b[next:]) {
		if len(b)-next >= prefixBytes && validBodyLen(binary.BigEndian.Uint32(b[next:])) {
			in.work += frameLen(b[next:])
		}
		if in.work > maxWork*len(b) {
			next = len(b)
			break
		}
		// A record shows by the node that stands 40 bytes after its start.
		i := bytes.Index(b[min(next+1+prefixBytes+32, len(b)):], in.id.node[:])
		if i < 0 {
			next = len(b)
			break
		}
		next += 1 + i
	}
	in.Fault(in.at(at, in.head.Sequence, "%d bytes after record %d are no record", next-at, in.head.Sequence))
	return next
}

// readable reports whether b starts with a record whose checksum is right.
func (s *scanner) readable(b []byte) bool {
	if len(b) < frameBytes {
		return false
	}
	n := binary.BigEndian.Uint32(b)
	return validBodyLen(n) && len(b)-prefixBytes >= int(n) && crc32c(b[prefixBytes:prefixBytes+n]) == binary.BigEndian.Uint32(b[4:])
}
