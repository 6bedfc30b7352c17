package auditindex

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"

	"trent/internal/audit"
)

// The bytes of an index file; all integers big-endian, and the records numbered
// from 0 as they stand in the segment:
//
//	head:   "TRENTIDX" ‖ u32 version (4) ‖ u32 key ‖ node (16 bytes) ‖ u64 epoch ‖ u64 segment ‖ u64 bytes of the segment
//	        i64 first time ‖ i64 last time ‖ u32 records ‖ u32 terms ‖ u32 bytes of the lists
//	        of each block of terms: u48 its first hash
//	        u32 crc32c of the head
//	places: blocks of 256 records, the last with what is left: of each u32 offset in the segment ‖ u32 seconds since the first time; u32 crc32c of the block
//	terms:  blocks of 512 terms, so too: of each, in order, u48 hash ‖ u32 what has it; u32 crc32c of the block
//	lists:  u32 count ‖ u32 bytes ‖ as many bytes (appendList) ‖ u32 crc32c of all that
//	u32 crc32c of everything before it
//
// hash = the first 6 bytes of HMAC-SHA-256( u8 kind ‖ value ), and key the first 4 of
// that of nothing. What has a term is one
// record, 2^31 + its number, or the list at that offset of the lists. Times are
// the least and the greatest of the records', Unix seconds.
const (
	magic      = "TRENTIDX\x00\x00\x00\x04"
	namedBytes = len(magic) + 4 + 16 + 3*8 // what says which segment's it is
	fixedBytes = namedBytes + 2*8 + 3*4
	hashBytes  = 6
	placeBytes = 4 + 4
	termBytes  = hashBytes + 4
	listBytes  = 4 + 4 // before a list
	sumBytes   = 4

	placesInBlock = 256
	termsInBlock  = 512

	oneRecord = 1 << 31
)

// leastRecord is less than a record and its frame have, and leastTerm less than a
// term has of that: they bound what is believed of a file.
const (
	leastRecord = 64
	leastTerm   = 4
)

// appendHash appends a hash.
func appendHash(b []byte, hash uint64) []byte {
	return append(b, byte(hash>>40), byte(hash>>32), byte(hash>>24), byte(hash>>16), byte(hash>>8), byte(hash))
}

// readHash reads what appendHash appends.
func readHash(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint32(b))<<16 | uint64(binary.BigEndian.Uint16(b[4:]))
}

// named is how a segment's index file begins.
func named(s *audit.Segment, key uint32) []byte {
	b := append(make([]byte, 0, fixedBytes), magic...)
	b = binary.BigEndian.AppendUint32(b, key)
	b = append(b, s.Node[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Epoch)
	b = binary.BigEndian.AppendUint64(b, s.Number)
	return binary.BigEndian.AppendUint64(b, uint64(s.Bytes))
}

func crc32c(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}

// appendSum appends the checksum of what was appended from an offset on.
func appendSum(b []byte, from int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32c(0, b[from:]))
}

// file is the index file of the segment.
func (b *builder) file(s *audit.Segment) []byte {
	terms, lists, hashes := b.lists()
	first, last := int64(0), int64(0)
	for i, p := range b.places {
		if i == 0 || p.time < first {
			first = p.time
		}
		last = max(last, p.time)
	}
	out := named(s, b.hash.id)
	out = binary.BigEndian.AppendUint64(out, uint64(first))
	out = binary.BigEndian.AppendUint64(out, uint64(last))
	out = binary.BigEndian.AppendUint32(out, uint32(len(b.places)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(terms)/termBytes))
	out = binary.BigEndian.AppendUint32(out, uint32(len(lists)))
	for i := 0; i < len(hashes); i += termsInBlock {
		out = appendHash(out, hashes[i])
	}
	out = appendSum(out, 0)
	for places := b.places; len(places) > 0; {
		from, n := len(out), min(placesInBlock, len(places))
		for _, p := range places[:n] {
			out = binary.BigEndian.AppendUint32(out, p.offset)
			out = binary.BigEndian.AppendUint32(out, seconds(first, p.time))
		}
		out, places = appendSum(out, from), places[n:]
	}
	for len(terms) > 0 {
		from, n := len(out), min(termsInBlock*termBytes, len(terms))
		out, terms = appendSum(append(out, terms[:n]...), from), terms[n:]
	}
	return appendSum(append(out, lists...), 0)
}

// seconds is how long after the first time another is.
func seconds(first, at int64) uint32 { return uint32(min(uint64(at-first), 1<<32-1)) }

// lists makes the terms and the lists of the file, and the terms' hashes. Terms of
// the same records, as a user's name and ARN, have a list together.
func (b *builder) lists() (terms, lists []byte, hashes []uint64) {
	refs := b.terms()
	terms = make([]byte, 0, len(refs)*termBytes)
	at := map[string]uint32{}
	var list []byte
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].hash == refs[0].hash {
			n++
		}
		records := b.records(refs[:n])
		to := oneRecord + records[0]
		if len(records) > 1 {
			list = appendList(binary.BigEndian.AppendUint32(list[:0], uint32(len(records))), records)
			var known bool
			if to, known = at[string(list)]; !known {
				from := len(lists)
				to = uint32(from)
				at[string(list)] = to
				lists = append(lists, list[:4]...)
				lists = binary.BigEndian.AppendUint32(lists, uint32(len(list)-4))
				lists = appendSum(append(lists, list[4:]...), from)
			}
		}
		terms = binary.BigEndian.AppendUint32(appendHash(terms, refs[0].hash), to)
		hashes = append(hashes, refs[0].hash)
		refs = refs[n:]
	}
	return terms, lists, hashes
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
