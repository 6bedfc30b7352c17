package selftest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	mrand "math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/iotest"
)

// reader makes an io.Reader of a function.
type reader func(p []byte)

func (f reader) Read(p []byte) (int, error) { f(p); return len(p), nil }

// drawn reads n times size bytes, public or secret, and returns how many reads
// succeeded.
func drawn(h *Health, n, size int, public bool) int {
	p := make([]byte, size)
	ofThem := 0
	if public {
		ofThem = size
	}
	for i := range n {
		if h.Mixed(p, ofThem) != nil {
			return i
		}
	}
	return n
}

func TestHealthySource(t *testing.T) {
	t.Parallel()
	megabytes := 4
	if os.Getenv("TRENT_SOAK") == "1" {
		megabytes = 1024
	}
	h := NewHealth(rand.Reader)
	for _, public := range []bool{true, false} {
		if n := drawn(h, megabytes*512, 1024, public); n != megabytes*512 {
			t.Fatalf("a healthy source failed after %d reads", n)
		}
	}
	p := make([]byte, 7)
	if n, err := h.Read(p); n != 7 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestBadSources(t *testing.T) {
	t.Parallel()
	seeded := mrand.New(mrand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		source  io.Reader
		size    int
		public  bool
		within  int // reads
		started bool
	}{
		"stuck, public nonces":     {reader(func(p []byte) { clear(p) }), 16, true, 1, false},
		"stuck, secrets":           {reader(func(p []byte) { clear(p) }), 32, false, 0, false},
		"repeats each block":       {reader(func(p []byte) { repeat(p, seeded) }), 32, false, 0, false},
		"same public block twice":  {reader(func(p []byte) { copy(p, "0123456789abcdef") }), 16, true, 1, false},
		"one byte in two is fixed": {reader(func(p []byte) { random(p, seeded); fix(p) }), 16, true, 64, false},
		"two values":               {reader(func(p []byte) { random(p, seeded); narrow(p, 1) }), 16, true, 64, false},
		"eight values":             {reader(func(p []byte) { random(p, seeded); narrow(p, 7) }), 16, true, 128, false},
		"eight values, in secrets": {reader(func(p []byte) { random(p, seeded); narrow(p, 7) }), 32, false, 64, true},
		"read error":               {iotest.ErrReader(io.ErrUnexpectedEOF), 16, true, 0, false},
		"end":                      {bytes.NewReader(nil), 16, true, 0, false},
	} {
		h := NewHealth(c.source)
		if c.started { // a window starts with a public byte
			if err := h.Public(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if n := drawn(h, 1000, c.size, c.public); n > c.within {
			t.Errorf("%s: failed after %d reads, not within %d", name, n, c.within)
		}
		// Failed once, failed for ever, and nothing comes out.
		p := bytes.Repeat([]byte{9}, 16)
		if err := h.Public(p); !errors.Is(err, ErrHealth) || !bytes.Equal(p, make([]byte, 16)) {
			t.Errorf("%s: afterwards %x, %v", name, p, err)
		}
		if n, err := h.Read(p); n != 0 || !errors.Is(err, ErrHealth) {
			t.Errorf("%s: afterwards %d bytes, %v", name, n, err)
		}
	}
}

func random(p []byte, r *mrand.Rand) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
}

func repeat(p []byte, r *mrand.Rand) {
	random(p[:blockSize], r)
	copy(p[blockSize:], p[:blockSize])
}

func fix(p []byte) {
	for i := 0; i < len(p); i += 2 {
		p[i] = 0x55
	}
}

func narrow(p []byte, mask byte) {
	for i := range p {
		p[i] &= mask
	}
}

// TestSecretsAreNotKept: only public output stays in the tester.
func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	next := byte(0)
	h := NewHealth(reader(func(p []byte) {
		for i := range p {
			p[i] = next
			next++
		}
	}))
	public, secret := make([]byte, 16), make([]byte, 64)
	if err := h.Public(public); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Read(secret); err != nil {
		t.Fatal(err)
	}
	if h.last != [16]byte(public) || h.first != public[0] {
		t.Errorf("kept %x and %x, not the public %x", h.last, h.first, public)
	}
}

// TestMixed: both parts of a mixed read are tested, and of its secret part
// nothing is kept.
func TestMixed(t *testing.T) {
	t.Parallel()
	seeded := mrand.New(mrand.NewPCG(3, 4))
	var p [16 + 32]byte
	h := NewHealth(reader(func(p []byte) { random(p, seeded) }))
	for i := range 100 {
		if err := h.Mixed(p[:], 16); err != nil {
			t.Fatalf("a healthy source failed after %d reads: %v", i, err)
		}
		if h.last != [16]byte(p[:16]) {
			t.Fatalf("kept %x, not the public %x", h.last, p[:16])
		}
	}
	h = NewHealth(reader(func(p []byte) { clear(p[:16]); p[0] = 1 }))
	if err := h.Mixed(p[:], 20); err != nil || h.last != [16]byte(p[:16]) || h.first != p[0] {
		t.Errorf("%v; kept %x and %x, not of the public %x", err, h.last, h.first, p[:16])
	}
	for name, source := range map[string]reader{
		"public part repeats":        func(p []byte) { random(p[16:], seeded); copy(p, "0123456789abcdef") },
		"secret part repeats public": func(p []byte) { random(p, seeded); copy(p[16:], p[:16]) },
		"secret part repeats itself": func(p []byte) { random(p, seeded); copy(p[32:], p[16:32]) },
		"eight values":               func(p []byte) { random(p, seeded); narrow(p, 7) },
		// A window starts with a public byte, so this needs one of the values.
		"secret part has one value in two": func(p []byte) { random(p, seeded); narrow(p[:16], 1); fix(p[16:]); p[0] = 0x55 },
	} {
		h := NewHealth(source)
		n := 0
		for n < 200 && h.Mixed(p[:], 16) == nil {
			n++
		}
		if n == 200 || p != [48]byte{} {
			t.Errorf("%s: %d reads succeeded, then %x", name, n, p)
		}
	}
}

// TestConcurrentReads is for the race detector.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	h := NewHealth(rand.Reader)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if n := drawn(h, 1000, 32, i%2 == 0); n != 1000 {
				t.Errorf("failed after %d reads", n)
			}
		})
	}
	wg.Wait()
}
