package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Sizes of docs/formats.md, "Audit segments", in bytes.
const (
	headerBytes = 64
	lengthBytes = 4
	prefixBytes = lengthBytes + 4          // a record's length and crc32c
	chainBytes  = 32 + 16 + 4 + 4 + 8      // previous hash, node, place in its write, epoch, sequence
	frameBytes  = prefixBytes + chainBytes // what stands before a record's JSON
	sectorBytes = 512                      // the least that a disk writes as a whole
)

// MaxRecordBytes is the length of the longest JSON that a trail takes.
const MaxRecordBytes = 1 << 20

// maxEpoch is the last epoch that a record has room for.
const maxEpoch = 1<<32 - 1

const segmentMagic = "TRENTAUD\x00\x01\x00\x00"

// hash is a record's SHA-256, from its own previous hash to its end.
type hash = [sha256.Size]byte

// segmentID says which segment of a node a file is.
type segmentID struct {
	node   [16]byte
	epoch  uint64 // at most maxEpoch
	number uint64 // from 1 in each epoch
	sealed bool   // the file is encrypted
}

func (s segmentID) header() []byte {
	h := make([]byte, 0, headerBytes)
	h = append(h, segmentMagic...)
	h = append(h, s.node[:]...)
	h = binary.BigEndian.AppendUint64(h, s.epoch)
	h = binary.BigEndian.AppendUint64(h, s.number)
	return h[:headerBytes] // the rest is zero: made so
}

func (s segmentID) isHeader(h []byte) bool { return bytes.Equal(h, s.header()) }

// appendFrame appends a record that is not sealed yet: its place in the chain
// is the writer's to fill in.
func appendFrame(dst, json []byte) []byte {
	var frame [frameBytes]byte
	binary.BigEndian.PutUint32(frame[:], uint32(chainBytes+len(json)))
	dst = append(dst, frame[:]...)
	return append(dst, json...)
}

// frameLen is the length of the whole record that starts b.
func frameLen(b []byte) int { return prefixBytes + int(binary.BigEndian.Uint32(b)) }

// seal puts the record that is the whole of frame into the chain after h and
// returns the head that it makes; place is how many bytes of the same write
// stand before it.
func seal(frame []byte, node *[16]byte, place int, h Head) Head {
	h.Sequence++
	body := frame[prefixBytes:]
	copy(body, h.Hash[:])
	copy(body[32:], node[:])
	binary.BigEndian.PutUint32(body[48:], uint32(place))
	binary.BigEndian.PutUint32(body[52:], uint32(h.Epoch))
	binary.BigEndian.PutUint64(body[56:], h.Sequence)
	h.Hash = sha256.Sum256(body)
	binary.BigEndian.PutUint32(frame[4:], crc32c(body))
	return h
}

// crc32c is the checksum of RFC 3720. The table is the library's own, made once.
func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
