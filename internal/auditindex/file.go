package auditindex

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"

	"trent/internal/audit"
)

// The bytes of an index file; all integers big-endian:
//
//	"TRENTIDX" ‖ u32 version (1) ‖ u32 0 ‖ u64 bytes of the segment ‖ i64 first time ‖ i64 last time ‖ u64 number of entries
//	for each term of each record, in order: u64 hash of the term ‖ u32 offset of the record in the segment
//
// hash = the first 8 bytes of SHA-256( u8 kind ‖ value ). Times are the least and
// the greatest of the records', Unix seconds; 0 and 0 if it has none.
const (
	magic       = "TRENTIDX\x00\x00\x00\x01\x00\x00\x00\x00"
	headerBytes = len(magic) + 4*8
	pairBytes   = 8 + 4
)

type pair struct {
	hash   uint64
	offset uint32
}

func compare(a, b pair) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.offset, b.offset))
}

// hashOf is the hash of a term.
func hashOf(t Term) uint64 {
	h := sha256.Sum256(append([]byte{byte(t.Kind)}, t.Value...))
	return binary.BigEndian.Uint64(h[:])
}

// build makes the index file of a segment that has ended.
func build(s *audit.Segment) ([]byte, error) {
	var pairs []pair
	var e entry
	first, last := int64(0), int64(0)
	hashes := map[Term]uint64{} // terms come again and again
	err := s.Scan(func(r audit.Record) bool {
		e.read(r.JSON)
		if first == 0 || e.time < first {
			first = e.time
		}
		last = max(last, e.time)
		for _, t := range e.terms {
			h, ok := hashes[t]
			if !ok {
				h = hashOf(t)
				hashes[t] = h
			}
			pairs = append(pairs, pair{h, uint32(r.Offset)})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pairs, compare)
	b := make([]byte, 0, headerBytes+len(pairs)*pairBytes)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Bytes))
	b = binary.BigEndian.AppendUint64(b, uint64(first))
	b = binary.BigEndian.AppendUint64(b, uint64(last))
	b = binary.BigEndian.AppendUint64(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = binary.BigEndian.AppendUint64(b, p.hash)
		b = binary.BigEndian.AppendUint32(b, p.offset)
	}
	return b, nil
}

// errStale: the file is not the segment's index.
var errStale = errors.New("auditindex: not the index of this segment")

// An index is an index file that is open.
type index struct {
	f           *os.File
	first, last int64
	pairs       int
}

// openIndex opens the index file of a segment, or returns errStale.
func openIndex(path string, s *audit.Segment) (*index, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errStale
	}
	if err != nil {
		return nil, fmt.Errorf("auditindex: %w", err)
	}
	var h [headerBytes]byte
	info, err := f.Stat()
	if err == nil {
		_, err = io.ReadFull(f, h[:])
	}
	n := binary.BigEndian.Uint64(h[len(magic)+24:])
	if err != nil || !bytes.HasPrefix(h[:], []byte(magic)) || binary.BigEndian.Uint64(h[len(magic):]) != uint64(s.Bytes) ||
		n > uint64(info.Size()) || info.Size() != int64(headerBytes)+int64(n)*pairBytes {
		f.Close()
		return nil, errStale
	}
	return &index{
		f: f, first: int64(binary.BigEndian.Uint64(h[len(magic)+8:])), last: int64(binary.BigEndian.Uint64(h[len(magic)+16:])), pairs: int(n),
	}, nil
}

// offsets returns where the records with a term are, in order. Some may be
// others', whose terms have the same hash.
func (x *index) offsets(t Term) ([]uint32, error) {
	want := hashOf(t)
	var failed error
	at := func(i int) pair {
		var b [pairBytes]byte
		if _, err := x.f.ReadAt(b[:], int64(headerBytes)+int64(i)*pairBytes); err != nil && failed == nil {
			failed = fmt.Errorf("auditindex: %w", err)
		}
		return pair{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint32(b[8:])}
	}
	from := sort.Search(x.pairs, func(i int) bool { return at(i).hash >= want })
	to := from + sort.Search(x.pairs-from, func(i int) bool { return at(from+i).hash > want })
	if failed != nil || from == to {
		return nil, failed
	}
	b := make([]byte, (to-from)*pairBytes)
	if _, err := x.f.ReadAt(b, int64(headerBytes)+int64(from)*pairBytes); err != nil {
		return nil, fmt.Errorf("auditindex: %w", err)
	}
	offsets := make([]uint32, 0, to-from)
	for ; len(b) > 0; b = b[pairBytes:] {
		offsets = append(offsets, binary.BigEndian.Uint32(b[8:]))
	}
	return offsets, nil
}
