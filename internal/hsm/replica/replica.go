// Package replica owns the two messages in which a backing key goes from one
// domain to another, for the replica of a multi-Region key: the offer, by which
// the receiver asks, and the delivery, which answers it. The bytes are in
// docs/formats.md, "Replication messages".
//
// Whoever carries them can read neither: the key is sealed to an ephemeral key
// pair of the receiver (ECDH on P-384, NIST SP 800-56C, AES-256-GCM), and each
// message is signed by its domain's replication key (ECDSA on P-384, SHA-384).
// Both name the same two domains, the key and its material.
//
// It must never decide whether a domain or a key token is to be believed:
// internal/hsm/engine does. Whatever is wrong with a message is ErrInvalid.
// Only packages under internal/hsm may import it.
package replica

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"trent/internal/hsm/kdf"
)

// ErrInvalid says that a message does not parse, does not authenticate, or is
// not the one that was asked for.
var ErrInvalid = errors.New("replica: invalid message")

const (
	magic   = "TRREP"
	version = 1

	offerMessage    = 1
	deliveryMessage = 2

	maxRegion    = 32
	maxAccount   = 12
	maxID        = 128
	maxSealed    = 4096 + 28
	maxSignature = 104 // DER of two numbers of 48 bytes
	spkiSize     = 120
	hashSize     = sha512.Size384
	maxMessage   = 8192
)

// Transfer says what goes where. Both messages of a replication have the same.
type Transfer struct {
	Sender, Receiver             [16]byte // domain ids
	SenderRegion, ReceiverRegion string
	Account, KeyID               string
	MaterialID                   [kdf.MaterialIDSize]byte
}

// append appends the head of a message.
func (t *Transfer) append(dst []byte, message byte) []byte {
	dst = append(append(dst, magic...), version, message)
	dst = append(append(dst, t.Sender[:]...), t.Receiver[:]...)
	for _, s := range [...]string{t.SenderRegion, t.ReceiverRegion, t.Account, t.KeyID} {
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
	}
	return append(dst, t.MaterialID[:]...)
}

// parse reads the head of a message.
func (t *Transfer) parse(r *reader, message byte) {
	if string(r.take(len(magic))) != magic || r.u8() != version || r.u8() != message {
		r.bad = true
	}
	copy(t.Sender[:], r.take(len(t.Sender)))
	copy(t.Receiver[:], r.take(len(t.Receiver)))
	t.SenderRegion, t.ReceiverRegion = r.str(maxRegion), r.str(maxRegion)
	t.Account, t.KeyID = r.str(maxAccount), r.str(maxID)
	copy(t.MaterialID[:], r.take(len(t.MaterialID)))
}

// reader takes a message apart. After the first thing that does not fit it is
// bad, and stays so.
type reader struct {
	all, b []byte
	bad    bool
}

// read is a reader of a whole message.
func read(message []byte) *reader {
	return &reader{all: message, b: message, bad: len(message) > maxMessage}
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// str is a str16 of 1 to max bytes of UTF-8.
func (r *reader) str(max int) string {
	n := int(r.u16())
	p := r.take(n)
	if n == 0 || n > max || !utf8.Valid(p) {
		r.bad = true
		return ""
	}
	return string(p)
}

// bytes is a bytes32 of at least min and at most max bytes.
func (r *reader) bytes(min, max int) []byte {
	p := r.take(4)
	if p == nil {
		return nil
	}
	n := binary.BigEndian.Uint32(p)
	if n < uint32(min) || n > uint32(max) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// before is what was read so far.
func (r *reader) before() []byte { return r.all[:len(r.all)-len(r.b)] }

// done is ErrInvalid if anything did not fit or is left over.
func (r *reader) done() error {
	if r.bad || len(r.b) != 0 {
		return ErrInvalid
	}
	return nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}
