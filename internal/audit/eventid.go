package audit

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// eventIDBytes is the length of an event id in its text form.
const eventIDBytes = 36

// IDs makes event ids, which are random (version 4) UUIDs. It asks the kernel
// for randomness once in 256 ids; event ids are public, so the bytes that wait
// in memory are no secret. The zero value is ready; it may be used
// concurrently.
type IDs struct {
	mu   sync.Mutex
	pool [256 * 16]byte
	left int // bytes of pool, at its end, that are not used yet
}

// New returns a new event id.
func (g *IDs) New() string {
	var text [eventIDBytes]byte
	return string(g.Append(text[:0]))
}

// Append appends a new event id to dst.
func (g *IDs) Append(dst []byte) []byte {
	var id [16]byte
	g.mu.Lock()
	if g.left == 0 {
		_, _ = rand.Read(g.pool[:]) // documented never to fail: the program ends instead
		g.left = len(g.pool)
	}
	copy(id[:], g.pool[len(g.pool)-g.left:])
	g.left -= len(id)
	g.mu.Unlock()
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	var text [eventIDBytes]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return append(dst, text[:]...)
}
