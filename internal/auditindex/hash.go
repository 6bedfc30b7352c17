package auditindex

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"trent/internal/secret"
)

// hasher makes terms into what files have of them. It is keyed, so that who has
// the files and no key cannot try which terms they hold; id tells keys apart. One
// goroutine uses it.
type hasher struct {
	mac  hash.Hash
	id   uint32
	room []byte
}

func newHasher(key secret.Bytes) *hasher {
	h := &hasher{mac: hmac.New(sha256.New, key.Expose()), room: make([]byte, 0, 256)}
	h.id = binary.BigEndian.Uint32(h.sum(nil))
	return h
}

// sum is the MAC; it is valid until the next.
func (h *hasher) sum(b []byte) []byte {
	h.mac.Reset()
	h.mac.Write(b) // never fails
	return h.mac.Sum(h.room[:0])
}

// of is the hash of a term.
func (h *hasher) of(t Term) uint64 {
	h.room = append(append(h.room[:0], byte(t.Kind)), t.Value...)
	return binary.BigEndian.Uint64(h.sum(h.room)) >> (64 - 8*hashBytes)
}
