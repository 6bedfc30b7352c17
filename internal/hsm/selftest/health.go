package selftest

import (
	"errors"
	"io"
	"sync"
)

// ErrHealth says that the random source failed its continuous test.
var ErrHealth = errors.New("selftest: random source failed its health test")

const (
	blockSize = 16
	// The adaptive proportion test counts how often the first byte of a
	// window returns in it: 2 times are expected. A full-entropy source
	// reaches the cutoff with a probability below 2^-100, so a healthy module
	// is never muted; one with less than 3 bits of entropy a byte is.
	window = 512
	cutoff = 40
)

// Health is the continuous health test of the module's random output, after
// SP 800-90B 4.4: a repetition count test over 16-byte blocks, where two equal
// neighbours fail (probability 2^-128), and an adaptive proportion test over
// bytes. It keeps only bytes that are public, such as nonces; secret output is
// compared while it passes. It is safe for concurrent use.
type Health struct {
	src io.Reader

	mu     sync.Mutex
	last   [blockSize]byte // last public block
	seen   bool            // last holds one
	first  byte            // of the window
	count  int             // of first in the window
	in     int             // bytes of the window so far
	failed bool
}

// NewHealth returns a tested source that reads from src.
func NewHealth(src io.Reader) *Health { return &Health{src: src} }

// Public fills p with randomness that will not be secret. The error is
// ErrHealth, once failed for ever; p is then zero.
func (h *Health) Public(p []byte) error { return h.Mixed(p, len(p)) }

// Mixed fills p with randomness of which the first public bytes will not be
// secret, and the rest may be. The error is ErrHealth, once failed for ever; p
// is then zero.
func (h *Health) Mixed(p []byte, public int) error {
	if _, err := io.ReadFull(h.src, p); err != nil {
		h.mu.Lock()
		h.failed = true
		h.mu.Unlock()
	}
	if !h.test(p, public) {
		clear(p)
		return ErrHealth
	}
	return nil
}

// Read fills p with randomness that may be secret; nothing of it is kept. It
// makes Health an io.Reader.
func (h *Health) Read(p []byte) (int, error) {
	if err := h.Mixed(p, 0); err != nil {
		return 0, err
	}
	return len(p), nil
}

// test says whether the source is still healthy after p, whose first public
// bytes may be kept.
func (h *Health) test(p []byte, public int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.last[:]
	for at := 0; at+blockSize <= len(p); at += blockSize {
		block := p[at : at+blockSize]
		if string(before) == string(block) && (h.seen || at > 0) {
			h.failed = true
		}
		before = block
	}
	if whole := public / blockSize * blockSize; whole > 0 {
		copy(h.last[:], p[whole-blockSize:whole])
		h.seen = true
	}
	h.proportion(p, public)
	return !h.failed
}

// proportion counts p's bytes into the window. A window starts with a public
// byte, so that none of a secret stays.
func (h *Health) proportion(p []byte, public int) {
	for i, c := range p {
		switch {
		case h.in > 0:
			h.in++
			if c == h.first {
				h.count++
			}
			h.failed = h.failed || h.count >= cutoff
			if h.in == window {
				h.in = 0
			}
		case i < public:
			h.first, h.count, h.in = c, 1, 1
		}
	}
}
