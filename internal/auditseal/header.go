package auditseal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"trent/internal/audit"
)

// header is what stands before the ciphertext; all of it is authenticated.
//
//	magic (12 bytes, version 1) ‖ u64 bytes in the clear
//	‖ u16 n ‖ n ARN of the KMS key ‖ u16 n ‖ n name ‖ u16 n ‖ n ciphertext blob of the data key
//	‖ 16 id of the recovery key ‖ u16 n ‖ n the data key, by HPKE: encapsulated key ‖ ciphertext
type header struct {
	plain    uint64
	kms      string // ARN
	name     string
	blob     []byte
	recovery [16]byte
	wrapped  []byte
}

// Bounds of what is read.
const (
	maxARN    = 2048
	maxName   = 1024
	maxBlob   = 6144 // of Decrypt's CiphertextBlob
	maxHeader = len(audit.SealedMagic) + 8 + 4*2 + maxARN + maxName + maxBlob + 16 + wrappedBytes
)

// errFormat: the file is no sealed one.
var errFormat = errors.New("auditseal: not in the form of a sealed file")

// bound is what the wrapped data key is bound to: the header as far as to it.
func (h *header) bound() []byte {
	b := binary.BigEndian.AppendUint64([]byte(audit.SealedMagic), h.plain)
	for _, part := range [...][]byte{[]byte(h.kms), []byte(h.name), h.blob} {
		b = appendPart(b, part)
	}
	return append(b, h.recovery[:]...)
}

func (h *header) append(dst []byte) ([]byte, error) {
	if len(h.kms) > maxARN || len(h.name) > maxName || len(h.name) == 0 || len(h.blob) > maxBlob || len(h.wrapped) != wrappedBytes {
		return nil, fmt.Errorf("auditseal: a name of %d bytes, or a key that does not fit", len(h.name))
	}
	return appendPart(append(dst, h.bound()...), h.wrapped), nil
}

func appendPart(dst, part []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(part))), part...)
}

// parse takes a sealed file apart.
func parse(b []byte) (h *header, body []byte, err error) {
	if len(b) < len(audit.SealedMagic)+8 || string(b[:len(audit.SealedMagic)]) != audit.SealedMagic {
		return nil, nil, errFormat
	}
	b = b[len(audit.SealedMagic):]
	h = &header{plain: binary.BigEndian.Uint64(b)}
	p := parts{rest: b[8:]}
	h.kms, h.name, h.blob = string(p.next(maxARN)), string(p.next(maxName)), p.next(maxBlob)
	copy(h.recovery[:], p.take(len(h.recovery)))
	if h.wrapped = p.next(wrappedBytes); p.short || h.name == "" || len(h.wrapped) != wrappedBytes {
		return nil, nil, errFormat
	}
	return h, p.rest, nil
}

// parts reads what is left of a header.
type parts struct {
	rest  []byte
	short bool // there is less than was asked for, or more than is permitted
}

func (p *parts) take(n int) []byte {
	if p.short = p.short || len(p.rest) < n; p.short {
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parts) next(most int) []byte {
	n := p.take(2)
	if p.short || int(binary.BigEndian.Uint16(n)) > most {
		p.short = true
		return nil
	}
	return p.take(int(binary.BigEndian.Uint16(n)))
}
