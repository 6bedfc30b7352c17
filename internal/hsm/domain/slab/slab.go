//go:build linux

// Package slab owns the memory in which the module keeps long-lived keys: pages
// outside the Go heap that are locked, absent from core dumps and not
// inherited by children; where the kernel has memfd_secret(2), they are also
// unreadable through /proc/<pid>/mem, ptrace and process_vm_readv.
//
// It must never hand out its memory: keys are copied in and out. It keeps no
// key from a process that can run code in this one. internal/hsm/domain and
// internal/hsm/unseal may import it.
package slab

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// KeySize is the size of a key in bytes.
	KeySize = 32

	pageSize = 4096
	perPage  = pageSize / KeySize
)

// ErrErased says that a slab was erased: it holds no key any more.
var ErrErased = errors.New("slab: erased")

// Ref names a key in its slab.
type Ref int

// Slab holds 256-bit keys. It is safe for concurrent use.
type Slab struct {
	mu       sync.RWMutex
	chunks   [][]byte
	perChunk int // keys
	used     int
	erased   bool
	secret   bool // the kernel hides the pages from other processes
	alloc    func(size int) (chunk []byte, secret bool, err error)
}

// New returns a slab with room for that many keys, or for fewer where the
// kernel does not let this process lock so much memory (RLIMIT_MEMLOCK); it
// grows as needed. The error is the kernel's, when not even one page can be
// mapped and locked.
func New(keys int) (*Slab, error) { return newSlab(keys, allocate) }

func newSlab(keys int, alloc func(int) ([]byte, bool, error)) (*Slab, error) {
	pages := max(1, (keys+perPage-1)/perPage)
	for {
		s := &Slab{perChunk: pages * perPage, alloc: alloc}
		err := s.grow()
		if err == nil {
			return s, nil
		}
		if pages == 1 {
			return nil, err
		}
		pages /= 2
	}
}

// Hidden says whether the kernel hides the keys from other processes, root's
// included (memfd_secret). One chunk that is not hidden makes it false.
func (s *Slab) Hidden() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.secret
}

// Put copies key into the slab. The caller still owns key and wipes it.
func (s *Slab) Put(key *[KeySize]byte) (Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.erased {
		return 0, ErrErased
	}
	if s.used == len(s.chunks)*s.perChunk {
		if err := s.grow(); err != nil {
			return 0, err
		}
	}
	ref := Ref(s.used)
	s.used++
	copy(s.cell(ref), key[:])
	return ref, nil
}

// Get copies the key at ref to out, and says whether there is one.
func (s *Slab) Get(ref Ref, out *[KeySize]byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.erased || ref < 0 || int(ref) >= s.used {
		return false
	}
	copy(out[:], s.cell(ref))
	return true
}

// Erase overwrites all keys. The slab takes and gives no key afterwards; its
// pages stay mapped until Close.
func (s *Slab) Erase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erased = true
	for ref := range s.used { // the pages behind were never touched
		clear(s.cell(Ref(ref)))
	}
}

// Close erases the slab and returns its pages to the kernel.
func (s *Slab) Close() error {
	s.Erase()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs error
	for _, chunk := range s.chunks {
		errs = errors.Join(errs, unix.Munmap(chunk))
	}
	s.chunks, s.used = nil, 0
	return errs
}

// cell returns the memory of ref. The caller holds the lock.
func (s *Slab) cell(ref Ref) []byte {
	at := int(ref) % s.perChunk * KeySize
	return s.chunks[int(ref)/s.perChunk][at : at+KeySize]
}

func (s *Slab) grow() error {
	chunk, secret, err := s.alloc(s.perChunk * KeySize)
	if err != nil {
		return err
	}
	s.secret = secret && (len(s.chunks) == 0 || s.secret)
	s.chunks = append(s.chunks, chunk)
	return nil
}

// allocate maps one chunk: secret memory where the kernel has it, else locked
// anonymous memory.
func allocate(size int) (chunk []byte, secret bool, err error) {
	if chunk, err = allocateSecret(size); err == nil {
		return chunk, true, nil
	}
	chunk, err = allocateLocked(size)
	return chunk, false, err
}

func allocateSecret(size int) ([]byte, error) {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("slab: memfd_secret: %w", err)
	}
	defer unix.Close(fd) // the mapping keeps the memory
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("slab: size secret memory: %w", err)
	}
	return protect(unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))
}

func allocateLocked(size int) ([]byte, error) {
	chunk, err := protect(unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON))
	if err != nil {
		return nil, err
	}
	for _, step := range []error{
		unix.Mlock(chunk),
		unix.Madvise(chunk, unix.MADV_DONTDUMP),
		unix.Madvise(chunk, unix.MADV_WIPEONFORK),
	} {
		if step != nil {
			return nil, errors.Join(fmt.Errorf("slab: lock memory: %w", step), unix.Munmap(chunk))
		}
	}
	return chunk, nil
}

// protect takes mmap's results and keeps the mapping from child processes.
func protect(chunk []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("slab: map memory: %w", err)
	}
	if err := unix.Madvise(chunk, unix.MADV_DONTFORK); err != nil {
		return nil, errors.Join(fmt.Errorf("slab: keep memory from children: %w", err), unix.Munmap(chunk))
	}
	return chunk, nil
}
