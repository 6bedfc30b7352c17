package slab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const perChunk = 2 * perPage

func testSlab(t *testing.T) *Slab {
	t.Helper()
	s, err := New(perChunk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func key(i int) *[KeySize]byte {
	var k [KeySize]byte
	for j := range k {
		k[j] = byte(i>>(j%2*8)) + byte(j)
	}
	return &k
}

func TestPutGetGrow(t *testing.T) {
	t.Parallel()
	s := testSlab(t)
	const n = 2*perChunk + 1
	var refs []Ref
	for i := range n {
		ref, err := s.Put(key(i))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if len(s.chunks) != 3 {
		t.Errorf("%d chunks for %d keys", len(s.chunks), n)
	}
	for i, ref := range refs {
		var got [KeySize]byte
		if !s.Get(ref, &got) || got != *key(i) {
			t.Fatalf("key %d is another", i)
		}
	}
	var out [KeySize]byte
	if s.Get(-1, &out) || s.Get(n, &out) || out != [KeySize]byte{} {
		t.Error("a key that was never put")
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	s := testSlab(t)
	var ref Ref
	for i := range perChunk + 1 {
		var err error
		if ref, err = s.Put(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	s.Erase()
	for _, chunk := range s.chunks {
		for at, c := range chunk {
			if c != 0 {
				t.Fatalf("byte %d is %#x after Erase", at, c)
			}
		}
	}
	var out [KeySize]byte
	if s.Get(ref, &out) {
		t.Error("Get succeeds after Erase")
	}
	if _, err := s.Put(key(1)); !errors.Is(err, ErrErased) {
		t.Errorf("Put after Erase: %v", err)
	}
}

// TestConcurrent is for the race detector: readers, a writer, and an erasure.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s := testSlab(t)
	first, err := s.Put(key(1))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				var got [KeySize]byte
				if s.Get(first, &got) && got != *key(1) {
					t.Error("half a key")
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 2 * perChunk {
			if _, err := s.Put(key(i)); err != nil {
				t.Error(err)
			}
		}
		s.Erase()
	})
	wg.Wait()
}

// vmFlags returns the kernel's flags of the mapping that holds chunk.
func vmFlags(t *testing.T, chunk []byte) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	address := uintptr(unsafe.Pointer(&chunk[0]))
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return flags
		}
	}
	t.Fatal("mapping not found")
	return ""
}

// TestLockedMemory checks what stands in for secret memory on kernels without.
func TestLockedMemory(t *testing.T) {
	t.Parallel()
	s, err := newSlab(1, func(size int) ([]byte, bool, error) { c, err := allocateLocked(size); return c, false, err })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	flags := vmFlags(t, s.chunks[0])
	for _, want := range []string{"lo", "dd", "dc", "wf"} { // locked, not dumped, not copied to or wiped in a child
		if !strings.Contains(flags, " "+want) {
			t.Errorf("VmFlags are%s, without %s", flags, want)
		}
	}
	if s.Hidden() {
		t.Error("locked memory says that it is hidden")
	}
}

// TestSecretMemory reads the slab as a debugger would. On a kernel without
// memfd_secret, Hidden must say so.
func TestSecretMemory(t *testing.T) {
	t.Parallel()
	s := testSlab(t)
	fd, err := unix.MemfdSecret(0)
	if err != nil {
		if s.Hidden() {
			t.Fatalf("Hidden without memfd_secret (%v)", err)
		}
		return
	}
	unix.Close(fd)
	if !s.Hidden() {
		t.Fatal("the kernel has memfd_secret and the slab does not use it")
	}
	if _, err := s.Put(key(1)); err != nil {
		t.Fatal(err)
	}
	if flags := vmFlags(t, s.chunks[0]); !strings.Contains(flags, " lo") || !strings.Contains(flags, " dc") {
		t.Errorf("VmFlags are%s", flags)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var got [KeySize]byte
	if _, err := mem.ReadAt(got[:], int64(uintptr(unsafe.Pointer(&s.chunks[0][0])))); err == nil {
		t.Error("/proc/self/mem reads the slab")
	}
}

func TestNoMemory(t *testing.T) {
	t.Parallel()
	s := testSlab(t)
	full := errors.New("memory is full")
	s.alloc = func(int) ([]byte, bool, error) { return nil, false, full }
	for i := range perChunk {
		if _, err := s.Put(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(key(0)); !errors.Is(err, full) {
		t.Fatalf("Put into a full slab: %v", err)
	}
	var got [KeySize]byte
	if !s.Get(Ref(perChunk-1), &got) || got != *key(perChunk - 1) {
		t.Error("a failed Put harmed another key")
	}
}

// TestLittleMemory: a slab is as large as the kernel allows, a page at least.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	full := errors.New("memory is full")
	limited := func(limit int) func(int) ([]byte, bool, error) {
		return func(size int) ([]byte, bool, error) {
			if size > limit {
				return nil, false, full
			}
			return allocate(size)
		}
	}
	s, err := newSlab(64*perPage, limited(20*pageSize))
	if err != nil {
		t.Fatal(err)
	}
	if s.perChunk != 16*perPage || len(s.chunks[0]) != 16*pageSize {
		t.Errorf("room for %d keys", s.perChunk)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := newSlab(64*perPage, limited(0)); !errors.Is(err, full) {
		t.Errorf("without memory: %v", err)
	}
}
