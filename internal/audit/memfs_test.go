package audit

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// memFS is a file layer that remembers what was synced, so that a test can
// take the power away: what was only written, and names in directories that
// were not synced, are gone. Its hooks fail or stall operations.
type memFS struct {
	mu      sync.Mutex
	entries map[string]*memEntry
	locked  map[string]bool

	zeroBytes int64 // the most zeros that the disk takes at a time

	noSync bool // Sync reports success and syncs nothing: the fault that the tests must notice

	// Hooks, called without the mutex; nil does nothing. onWrite returns how
	// many bytes to take before its error. They are set by a test alone, by
	// hook while a writer may be running.
	onWrite    func(path string, b []byte) (int, error)
	onSync     func(path string) error
	onTruncate func(path string) error
	onCreate   func(path string) error
}

type memEntry struct {
	dir         bool
	data        []byte
	synced      []byte
	nameDurable bool
}

func newMemFS() *memFS {
	return &memFS{
		entries:   map[string]*memEntry{"/": {dir: true, nameDurable: true}},
		locked:    map[string]bool{},
		zeroBytes: 3000,
	}
}

// hook changes the hooks.
func (m *memFS) hook(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func current[F any](m *memFS, hook *F) F {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *hook
}

// losePower returns what is left after the power was lost: what was synced.
func (m *memFS) losePower() *memFS {
	return m.crash(func(e *memEntry) []byte { return bytes.Clone(e.synced) })
}

// loseEnds is losePower where a part of what a file has grown by is left.
func (m *memFS) loseEnds() *memFS {
	return m.crash(func(e *memEntry) []byte {
		n := min(len(e.synced), len(e.data))
		return bytes.Clone(e.data[:n+rand.IntN(len(e.data)-n+1)])
	})
}

// loseSectors is losePower where any sectors of what was not synced are left,
// whatever the order in which they were written.
func (m *memFS) loseSectors() *memFS {
	return m.crash(func(e *memEntry) []byte {
		short, long := min(len(e.synced), len(e.data)), max(len(e.synced), len(e.data))
		left := make([]byte, short+rand.IntN(long-short+1))
		odds := rand.Float64()
		for at := 0; at < len(left); at += sectorBytes {
			from := e.synced
			if rand.Float64() < odds {
				from = e.data
			}
			if at < len(from) {
				copy(left[at:min(at+sectorBytes, len(left))], from[at:])
			}
		}
		return left
	})
}

func (m *memFS) crash(left func(*memEntry) []byte) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newMemFS()
	for _, path := range slices.Sorted(maps.Keys(m.entries)) {
		e := m.entries[path]
		if parent := after.entries[filepath.Dir(path)]; !e.nameDurable || parent == nil {
			continue
		}
		data := left(e)
		after.entries[path] = &memEntry{dir: e.dir, data: data, synced: bytes.Clone(data), nameDurable: true}
	}
	return after
}

// kill returns what is left after the process was killed: everything.
func (m *memFS) kill() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := newMemFS()
	for path, e := range m.entries {
		copied := *e
		copied.data = bytes.Clone(e.data)
		left.entries[path] = &copied
	}
	return left
}

func (m *memFS) get(path string) (*memEntry, error) {
	e := m.entries[path]
	if e == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return e, nil
}

func (m *memFS) mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[path] != nil {
		return nil
	}
	if _, err := m.get(filepath.Dir(path)); err != nil {
		return err
	}
	m.entries[path] = &memEntry{dir: true}
	return nil
}

func (m *memFS) list(path string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.get(path); err != nil {
		return nil, err
	}
	var names []string
	for p := range m.entries {
		if p != "/" && filepath.Dir(p) == path {
			names = append(names, filepath.Base(p))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *memFS) create(path string) (file, error) {
	if onCreate := current(m, &m.onCreate); onCreate != nil {
		if err := onCreate(path); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[path] != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if _, err := m.get(filepath.Dir(path)); err != nil {
		return nil, err
	}
	e := &memEntry{}
	m.entries[path] = e
	return &memFile{fs: m, path: path, e: e}, nil
}

func (m *memFS) open(path string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.get(path)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(bytes.Clone(e.data))), nil
}

func (m *memFS) truncate(path string, size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.get(path)
	if err != nil {
		return err
	}
	e.data = e.data[:size]
	if !m.noSync {
		e.synced = bytes.Clone(e.data)
	}
	return nil
}

func (m *memFS) rename(old, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.get(old)
	if err != nil {
		return err
	}
	delete(m.entries, old)
	m.entries[name] = e
	return nil
}

func (m *memFS) remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, path)
	return nil
}

func (m *memFS) syncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, e := range m.entries {
		if filepath.Dir(p) == path {
			e.nameDurable = true
		}
	}
	return nil
}

func (m *memFS) lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[path] {
		return nil, ErrLocked
	}
	m.locked[path] = true
	return closerFunc(func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locked, path)
		return nil
	}), nil
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// segments returns the paths of all segments in order.
func (m *memFS) segments() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var paths []string
	for p := range m.entries {
		if strings.HasSuffix(p, ".log") {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// content returns a segment's bytes.
func (m *memFS) content(path string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.entries[path].data)
}

// put makes a file with the given bytes, durable, with its directories.
func (m *memFS) put(path string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir := filepath.Dir(path); m.entries[dir] == nil; dir = filepath.Dir(dir) {
		m.entries[dir] = &memEntry{dir: true, nameDurable: true}
	}
	m.entries[path] = &memEntry{data: bytes.Clone(data), synced: bytes.Clone(data), nameDurable: true}
}

type memFile struct {
	fs   *memFS
	path string
	e    *memEntry
}

func (f *memFile) WriteAt(b []byte, offset int64) (int, error) {
	n, err := len(b), error(nil)
	if onWrite := current(f.fs, &f.fs.onWrite); onWrite != nil {
		n, err = onWrite(f.path, b)
	}
	f.put(b[:n], offset)
	return n, err
}

func (f *memFile) zero(offset, n int64) error {
	if n > f.fs.zeroBytes {
		f.put(make([]byte, f.fs.zeroBytes), offset)
		return syscall.ENOSPC
	}
	f.put(make([]byte, n), offset)
	return nil
}

// put overwrites, and makes the file longer as far as needed.
func (f *memFile) put(b []byte, offset int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if missing := int(offset) + len(b) - len(f.e.data); missing > 0 {
		f.e.data = append(f.e.data, make([]byte, missing)...)
	}
	copy(f.e.data[offset:], b)
}

func (f *memFile) Sync() error {
	if onSync := current(f.fs, &f.fs.onSync); onSync != nil {
		if err := onSync(f.path); err != nil {
			return err
		}
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.fs.noSync {
		f.e.synced = bytes.Clone(f.e.data)
	}
	return nil
}

func (f *memFile) Truncate(size int64) error {
	if onTruncate := current(f.fs, &f.fs.onTruncate); onTruncate != nil {
		if err := onTruncate(f.path); err != nil {
			return err
		}
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.e.data = f.e.data[:size]
	return nil
}

func (f *memFile) startWriteback(int64, int64) {}

func (f *memFile) Close() error { return nil }
