package proto

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the length of a frame without its message: u32 length, u64
// request id, u8 code.
const HeaderSize = 4 + 8 + 1

// ErrMalformed is the error of every decoder here: bytes missing or left over,
// or a length or number out of its range.
var ErrMalformed = errors.New("crypto module protocol: malformed")

// errMore says that a frame's last bytes have not been read yet.
var errMore = errors.New("crypto module protocol: incomplete frame")

// Frame is one request or answer. Code is a Command in a request and a Status
// in an answer. Message points into the buffer that was parsed.
type Frame struct {
	ID      uint64
	Code    uint8
	Message []byte
}

// AppendHeader starts a frame at the end of dst; the message is appended next,
// then EndFrame sets the length.
func AppendHeader(dst []byte, id uint64, code uint8) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, id)
	return append(dst, code)
}

// EndFrame sets the length of the frame that began at frame[0] and is all of
// frame. It reports whether the frame is within MaxFrame; a frame that is not
// must not be sent.
func EndFrame(frame []byte) bool {
	n := len(frame) - 4
	if n > MaxFrame {
		return false
	}
	binary.BigEndian.PutUint32(frame, uint32(n))
	return true
}

// SetID overwrites the request id of the frame that begins at frame[0].
func SetID(frame []byte, id uint64) { binary.BigEndian.PutUint64(frame[4:], id) }

// Next takes the first frame from b and returns what follows it. ok is false
// if the frame is not complete yet; the error is ErrMalformed if it can never
// be one, after which nothing in b can be trusted.
func Next(b []byte) (f Frame, rest []byte, ok bool, err error) {
	n, err := frameSize(b)
	switch {
	case err == errMore:
		return Frame{}, b, false, nil
	case err != nil:
		return Frame{}, b, false, err
	case len(b) < n:
		return Frame{}, b, false, nil
	}
	f = Frame{ID: binary.BigEndian.Uint64(b[4:]), Code: b[12], Message: b[HeaderSize:n:n]}
	return f, b[n:], true, nil
}

// frameSize is the whole frame's size, its length field included.
func frameSize(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, errMore
	}
	n := binary.BigEndian.Uint32(b)
	if n < HeaderSize-4 || n > MaxFrame {
		return 0, ErrMalformed
	}
	return 4 + int(n), nil
}
