package auditindex

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"syscall"

	"trent/internal/audit"
)

// The bytes of an index file; all integers big-endian:
//
//	"TRENTIDX" ‖ u32 version (2) ‖ u32 0 ‖ node (16 bytes) ‖ u64 epoch ‖ u64 segment ‖ u64 bytes of the segment
//	i64 first time ‖ i64 last time ‖ u64 number of pairs
//	for each term of each record, in order: u64 hash of the term ‖ u32 offset of the record in the segment
//	u32 crc32c of everything before it
//
// hash = the first 8 bytes of SHA-256( u8 kind ‖ value ). Times are the least and
// the greatest of the records', Unix seconds.
const (
	magic       = "TRENTIDX\x00\x00\x00\x02\x00\x00\x00\x00"
	namedBytes  = len(magic) + 16 + 3*8 // what says which segment's it is
	headerBytes = namedBytes + 3*8
	pairBytes   = 8 + 4
	sumBytes    = 4
)

// leastRecord is less than a record and its frame have, and leastTerm less than a
// term has of that: they bound what is believed of a file.
const (
	leastRecord = 64
	leastTerm   = 4
)

// openWork is what opening a file and searching it counts as.
const openWork = 16 << 10

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

// named is how a segment's index file begins.
func named(s *audit.Segment) []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = append(b, s.Node[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Epoch)
	b = binary.BigEndian.AppendUint64(b, s.Number)
	return binary.BigEndian.AppendUint64(b, uint64(s.Bytes))
}

func crc32c(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}

// build makes the index file of a segment that has ended.
func build(ctx context.Context, s *audit.Segment) ([]byte, error) {
	if s.Bytes > math.MaxUint32 {
		return nil, fmt.Errorf("auditindex: %s has %d bytes: more than an index has numbers for", s.Path, s.Bytes)
	}
	var pairs []pair
	var e entry
	first, last := int64(0), int64(0)
	hashes := map[Term]uint64{} // terms come again and again
	err := s.Scan(func(r audit.Record) bool {
		e.read(r.JSON)
		if len(pairs) == 0 || e.time < first {
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
		return ctx.Err() == nil
	})
	if err = cmp.Or(context.Cause(ctx), err); err != nil {
		return nil, err
	}
	slices.SortFunc(pairs, compare)
	pairs = slices.Compact(pairs)
	b := append(make([]byte, 0, headerBytes+len(pairs)*pairBytes+sumBytes), named(s)...)
	b = binary.BigEndian.AppendUint64(b, uint64(first))
	b = binary.BigEndian.AppendUint64(b, uint64(last))
	b = binary.BigEndian.AppendUint64(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = binary.BigEndian.AppendUint64(b, p.hash)
		b = binary.BigEndian.AppendUint32(b, p.offset)
	}
	return binary.BigEndian.AppendUint32(b, crc32c(0, b)), nil
}

// writeFile makes a file whole or not at all: also after a loss of power its name
// never stands for less than all of it.
func writeFile(path string, b []byte) error {
	part := path + ".new"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// errStale: there is no file, or it is not the segment's index.
var errStale = errors.New("auditindex: not the index of this segment")

// An index is an index file that is open.
type index struct {
	f           *os.File
	stamp       stamp
	first, last int64
	pairs       int64
	records     int64 // at most
	opening     int64 // bytes that were read to open it, as work counts
}

// stamp says of a file that it is the same as before.
type stamp struct {
	dev, ino       uint64
	size           int64
	changed, wrote syscall.Timespec
}

// openRegular opens a file to read it, unless it is something else: what stands
// in the folder may be anybody's.
func openRegular(path string) (*os.File, *syscall.Stat_t, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			return f, stat, nil
		}
	}
	return nil, nil, errors.Join(errStale, err, f.Close())
}

// openIndex opens the index file of a segment, or returns errStale. Its checksum
// is not verified.
func openIndex(path string, s *audit.Segment) (*index, error) {
	f, stat, err := openRegular(path)
	if err != nil {
		return nil, errStale
	}
	var h [headerBytes]byte
	_, err = io.ReadFull(f, h[:])
	pairs := binary.BigEndian.Uint64(h[namedBytes+16:])
	if err != nil || !bytes.HasPrefix(h[:], named(s)) || pairs > uint64(s.Bytes)/leastTerm ||
		stat.Size != int64(headerBytes+sumBytes)+int64(pairs)*pairBytes {
		f.Close()
		return nil, errStale
	}
	return &index{
		f: f, stamp: stamp{uint64(stat.Dev), stat.Ino, stat.Size, stat.Ctim, stat.Mtim},
		first: int64(binary.BigEndian.Uint64(h[namedBytes:])), last: int64(binary.BigEndian.Uint64(h[namedBytes+8:])),
		pairs: int64(pairs), records: s.Bytes / leastRecord, opening: openWork,
	}, nil
}

// verify reads the file and compares its checksum.
func (x *index) verify() error {
	r := io.NewSectionReader(x.f, 0, x.stamp.size-sumBytes)
	sum := uint32(0)
	for b := make([]byte, 256<<10); ; {
		n, err := r.Read(b)
		sum = crc32c(sum, b[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return errStale
		}
	}
	var want [sumBytes]byte
	if _, err := x.f.ReadAt(want[:], x.stamp.size-sumBytes); err != nil || binary.BigEndian.Uint32(want[:]) != sum {
		return errStale
	}
	return nil
}

// offsets returns where the records with a term are, in order. Some may be
// others', whose terms have the same hash.
func (x *index) offsets(t Term) ([]uint32, error) {
	want := hashOf(t)
	failed := false
	hash := func(i int64) uint64 {
		var b [8]byte
		if _, err := x.f.ReadAt(b[:], int64(headerBytes)+i*pairBytes); err != nil {
			failed = true
		}
		return binary.BigEndian.Uint64(b[:])
	}
	from := int64(sort.Search(int(x.pairs), func(i int) bool { return hash(int64(i)) >= want }))
	n := int64(sort.Search(int(x.pairs-from), func(i int) bool { return hash(from+int64(i)) > want }))
	if failed || n > x.records {
		return nil, errStale
	}
	b := make([]byte, n*pairBytes)
	if _, err := x.f.ReadAt(b, int64(headerBytes)+from*pairBytes); err != nil {
		return nil, errStale
	}
	offsets := make([]uint32, 0, n)
	for ; len(b) > 0; b = b[pairBytes:] {
		offsets = append(offsets, binary.BigEndian.Uint32(b[8:]))
	}
	slices.Sort(offsets)
	return slices.Compact(offsets), nil
}
