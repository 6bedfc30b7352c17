package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// ChainBytes is the length of what is hashed of a record before its JSON.
const ChainBytes = chainBytes

// Chain is what is hashed of a record before its JSON: with that, whoever has the
// JSON can compute the record's hash.
func (r *Record) Chain() []byte {
	b := make([]byte, 0, chainBytes)
	b = append(append(b, r.PreviousHash[:]...), r.Node[:]...)
	b = binary.BigEndian.AppendUint32(b, r.place)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Epoch))
	return binary.BigEndian.AppendUint64(b, r.Sequence)
}

// Rechain is the record of a chain and its JSON, which is not copied. That it is in
// a trail is for others to show, by its hash.
func Rechain(chain, json []byte) (Record, error) {
	if len(chain) != chainBytes || len(json) == 0 || len(json) > MaxRecordBytes {
		return Record{}, fmt.Errorf("%w: not what a record has before its JSON, or no record's JSON", ErrDamaged)
	}
	r := Record{
		PreviousHash: hash(chain[:32]), Node: [16]byte(chain[32:48]), place: binary.BigEndian.Uint32(chain[48:]),
		Epoch: uint64(binary.BigEndian.Uint32(chain[52:])), Sequence: binary.BigEndian.Uint64(chain[56:]), JSON: json,
	}
	h := sha256.New()
	h.Write(chain)
	h.Write(json)
	h.Sum(r.Hash[:0])
	return r, nil
}
