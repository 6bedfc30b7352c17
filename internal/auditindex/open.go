package auditindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"sort"
	"syscall"

	"trent/internal/audit"
)

// openWork is what opening a file counts as, besides the bytes that are read.
const openWork = 16 << 10

// errStale: there is no file, or it is not the segment's index.
var errStale = errors.New("auditindex: not the index of this segment")

// An index is an index file that is open. What is read of it has its checksum
// verified, part by part; what is not asked for is not read.
type index struct {
	f           *os.File
	hash        *hasher
	stamp       stamp
	first, last int64
	records     uint32
	terms       uint32
	listBytes   uint32
	directory   []uint64 // first hashes of the blocks of terms
	placesAt    int64
	termsAt     int64
	listsAt     int64

	places     []byte // the block of places that was read last
	placeBlock uint32 // its number, from 1
	read       int64  // bytes so far
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

// blocks is how many blocks n make, and sized their length with the checksums.
func blocks(n, each uint32) int64 { return (int64(n) + int64(each) - 1) / int64(each) }

func sized(n, each uint32, bytes int64) int64 {
	return int64(n)*bytes + blocks(n, each)*sumBytes
}

// openIndex opens the index file of a segment, or returns errStale.
func openIndex(path string, s *audit.Segment, h *hasher) (*index, error) {
	f, stat, err := openRegular(path)
	if err != nil {
		return nil, errStale
	}
	x := &index{f: f, hash: h, stamp: stamp{uint64(stat.Dev), stat.Ino, stat.Size, stat.Ctim, stat.Mtim}}
	if err := x.head(s); err != nil {
		f.Close()
		return nil, err
	}
	return x, nil
}

// head reads the file's head.
func (x *index) head(s *audit.Segment) error {
	var fixed [fixedBytes]byte
	if _, err := x.f.ReadAt(fixed[:], 0); err != nil || !bytes.HasPrefix(fixed[:], named(s, x.hash.id)) {
		return errStale
	}
	b := fixed[namedBytes:]
	x.first, x.last = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	x.records, x.terms, x.listBytes = binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:]), binary.BigEndian.Uint32(b[24:])
	directory := blocks(x.terms, termsInBlock) * hashBytes
	x.placesAt = int64(fixedBytes) + directory + sumBytes
	x.termsAt = x.placesAt + sized(x.records, placesInBlock, placeBytes)
	x.listsAt = x.termsAt + sized(x.terms, termsInBlock, termBytes)
	if int64(x.records) > s.Bytes/leastRecord || int64(x.terms) > s.Bytes/leastTerm || x.stamp.size != x.listsAt+int64(x.listBytes)+sumBytes {
		return errStale
	}
	head, err := x.part(0, int64(fixedBytes)+directory)
	if err != nil {
		return err
	}
	for b := head[fixedBytes:]; len(b) > 0; b = b[hashBytes:] {
		x.directory = append(x.directory, readHash(b))
	}
	return nil
}

// part reads so many bytes, and compares the checksum behind them.
func (x *index) part(at, n int64) ([]byte, error) {
	b := make([]byte, n+sumBytes)
	x.read += int64(len(b))
	if _, err := x.f.ReadAt(b, at); err != nil {
		return nil, errStale
	}
	if b, sum := b[:n], b[n:]; binary.BigEndian.Uint32(sum) == crc32c(0, b) {
		return b, nil
	}
	return nil, errStale
}

// block reads a block of entries: the number-th, of a section at an offset.
func (x *index) block(at int64, number, each uint32, bytes int64, of uint32) ([]byte, error) {
	n := min(each, of-number*each)
	return x.part(at+int64(number)*(int64(each)*bytes+sumBytes), int64(n)*bytes)
}

// verify reads the file and compares its checksum.
func (x *index) verify() error {
	r := io.NewSectionReader(x.f, 0, x.stamp.size-sumBytes)
	sum := uint32(0)
	for b := make([]byte, 64<<10); ; {
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

// having returns the records that have a term, in order. Some may be others',
// whose terms have the same hash.
func (x *index) having(t Term) ([]uint32, error) {
	want := x.hash.of(t)
	number := sort.Search(len(x.directory), func(i int) bool { return x.directory[i] > want }) - 1
	if number < 0 {
		return nil, nil
	}
	b, err := x.block(x.termsAt, uint32(number), termsInBlock, termBytes, x.terms)
	if err != nil {
		return nil, err
	}
	n := len(b) / termBytes
	at := sort.Search(n, func(i int) bool { return readHash(b[i*termBytes:]) >= want })
	if at == n || readHash(b[at*termBytes:]) != want {
		return nil, nil
	}
	to := binary.BigEndian.Uint32(b[at*termBytes+hashBytes:])
	if to < oneRecord {
		return x.list(to)
	}
	if to -= oneRecord; to >= x.records {
		return nil, errStale
	}
	return []uint32{to}, nil
}

// mostOfNumber is the most bytes that a list has for a record: two varints.
const mostOfNumber = 10

// list reads the list at an offset.
func (x *index) list(at uint32) ([]uint32, error) {
	var before [listBytes]byte
	if at > x.listBytes || x.listBytes-at < listBytes+sumBytes {
		return nil, errStale
	}
	if _, err := x.f.ReadAt(before[:], x.listsAt+int64(at)); err != nil {
		return nil, errStale
	}
	count, n := binary.BigEndian.Uint32(before[:]), binary.BigEndian.Uint32(before[4:])
	if x.listBytes-at-listBytes-sumBytes < n || int64(n) > mostOfNumber*int64(x.records) {
		return nil, errStale
	}
	b, err := x.part(x.listsAt+int64(at), int64(listBytes)+int64(n))
	if err != nil {
		return nil, err
	}
	return readList(b[listBytes:], count, x.records)
}

// place returns where a record is in the segment, and when it was, as far as a
// file says: exact is false for a time that it has no room for.
func (x *index) place(number uint32) (offset uint32, at int64, exact bool, err error) {
	block := number / placesInBlock
	if x.placeBlock != block+1 {
		if x.places, err = x.block(x.placesAt, block, placesInBlock, placeBytes, x.records); err != nil {
			return 0, 0, false, err
		}
		x.placeBlock = block + 1
	}
	b := x.places[number%placesInBlock*placeBytes:]
	after := binary.BigEndian.Uint32(b[4:])
	return binary.BigEndian.Uint32(b), x.first + int64(after), after != math.MaxUint32, nil
}
