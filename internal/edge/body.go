package edge

import (
	"io"
	"sync"

	"trent/internal/wire"
)

// buffers holds the memory of one request: its body and its answer's. Both
// may hold plaintext, so they are wiped before another request gets them.
type buffers struct {
	body, answer []byte
	in           wire.Request // of net/http's server, whose request would else be new each time
}

// answerBytes holds the answer of any operation that returns a plaintext, so
// that none is left behind in a buffer that had to grow.
const answerBytes = 8 << 10

var pool = sync.Pool{New: func() any {
	return &buffers{body: make([]byte, 0, 4<<10), answer: make([]byte, 0, answerBytes)}
}}

func (b *buffers) release() {
	clear(b.body)
	clear(b.answer)
	b.in = wire.Request{}
	if cap(b.body) <= keepBuffer && cap(b.answer) <= keepBuffer && cap(b.answer) > 0 {
		b.body, b.answer = b.body[:0], b.answer[:0]
		pool.Put(b)
	}
}

// readBody reads a request's body, of limit bytes at most, into dst. declared
// is its Content-Length, negative if there is none. Memory is taken for what
// has arrived, not for what is declared: nobody has signed for that yet.
func readBody(dst []byte, r io.Reader, declared int64, limit int) ([]byte, error) {
	if declared > int64(limit) {
		return dst, tooLarge(limit)
	}
	for {
		if len(dst) == cap(dst) {
			dst = grow(dst, limit)
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		if len(dst) > limit {
			return dst, tooLarge(limit)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, readError(err)
		}
	}
}

// grow gives dst twice the room, limit and a byte at most, and wipes the old
// memory.
func grow(dst []byte, limit int) []byte {
	bigger := make([]byte, len(dst), min(max(2*cap(dst), 4<<10), limit+1))
	copy(bigger, dst)
	clear(dst)
	return bigger
}
