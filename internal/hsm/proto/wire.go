package proto

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

// reader takes a message apart. After the first thing that does not fit it is
// bad, returns zero values, and stays so; done tells.
type reader struct {
	b   []byte
	bad bool
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() uint8 {
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

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// bool is a u8 that is 0 or 1.
func (r *reader) bool() bool {
	v := r.u8()
	r.require(v <= 1)
	return v == 1
}

// array fills dst.
func (r *reader) array(dst []byte) { copy(dst, r.take(len(dst))) }

// str is a str16 of at least min and at most max bytes of UTF-8. The string
// points into the frame, so that decoding a request allocates nothing: it is
// valid as long as the frame is, which is until the command returns.
func (r *reader) str(min, max int) string {
	n := int(r.u16())
	r.require(n >= min && n <= max)
	p := r.take(n)
	if len(p) == 0 {
		return ""
	}
	s := unsafe.String(&p[0], len(p))
	if !utf8.ValidString(s) {
		r.bad = true
		return ""
	}
	return s
}

// bytes is a bytes32 of at least min and at most max bytes.
func (r *reader) bytes(min, max int) []byte {
	n := r.u32()
	if n < uint32(min) || n > uint32(max) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// rest is everything that is left, at least min and at most max bytes.
func (r *reader) rest(min, max int) []byte {
	r.require(len(r.b) >= min && len(r.b) <= max)
	return r.take(len(r.b))
}

func (r *reader) require(ok bool) {
	if !ok {
		r.bad = true
	}
}

// done is ErrMalformed if anything did not fit or is left over.
func (r *reader) done() error {
	if r.bad || len(r.b) != 0 {
		return ErrMalformed
	}
	return nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}
