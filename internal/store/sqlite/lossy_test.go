package sqlite

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"

	lib "modernc.org/sqlite/lib"
)

// lossyVFS is a SQLite VFS over the usual one that remembers, for each file,
// what has been synced and what has only been written since. From it comes
// the image of a disk on which the power failed: synced bytes are there, each
// write after the last sync may be there, in part, or not.
//
// It replaces four methods of SQLite's own files (write, truncate, sync,
// close) and leaves all else to them, so the engine runs on real files.
type lossyVFS struct {
	mu    sync.Mutex
	files map[string]*lossyFile
	open  map[uintptr]openFile // by sqlite3_file

	broken map[string]bool          // folders whose files cannot be synced
	full   map[string]int32         // folders whose files cannot be written, and with what error
	held   map[string]chan struct{} // folders whose files' syncs wait

	keep []any // functions that only C memory points to
}

type lossyFile struct {
	durable []byte // as of the last sync
	pending []change
	syncs   int
}

// change is a write, or a truncation to offset if data is nil.
type change struct {
	offset int64
	data   []byte
}

type openFile struct {
	path string
	real *lib.Tsqlite3_io_methods
}

const lossyName = "trent-lossy"

// lossy is the process's one lossyVFS: SQLite knows a VFS by its name.
var lossy = sync.OnceValue(func() *lossyVFS {
	v := &lossyVFS{files: map[string]*lossyFile{}, open: map[uintptr]openFile{}, broken: map[string]bool{}, full: map[string]int32{}, held: map[string]chan struct{}{}}
	registerVFS(v, lib.Xsqlite3_initialize, lib.Xsqlite3_malloc, lib.Xsqlite3_vfs_find, lib.Xsqlite3_vfs_register)
	return v
})

// at is the C object at an address.
func at[V any](address uintptr) *V { return (*V)(*(*unsafe.Pointer)(unsafe.Pointer(&address))) }

// function is the Go function that a C function pointer stands for.
func function[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&pointer)) }

// cBytes is a copy of n bytes of C memory.
func cBytes(address uintptr, n int) []byte {
	return bytes.Clone(unsafe.Slice(at[byte](address), n))
}

func cString(address uintptr) string {
	n := uintptr(0)
	for *at[byte](address + n) != 0 {
		n++
	}
	return string(cBytes(address, int(n)))
}

// pointer is the C function pointer of f, which the VFS keeps alive.
func pointer[F any](v *lossyVFS, f F) uintptr {
	v.keep = append(v.keep, f)
	return *(*uintptr)(unsafe.Pointer(&f))
}

// registerVFS makes v known to SQLite. TLS is the type of the first argument
// of every function of the translated SQLite; it is inferred here, and one is
// made by reflection, because naming it would take an import of the
// translator's C library.
func registerVFS[TLS any](v *lossyVFS, initialize func(TLS) int32, malloc func(TLS, int32) uintptr,
	find func(TLS, uintptr) uintptr, register func(TLS, uintptr, int32) int32) {
	thread := reflect.New(reflect.TypeFor[TLS]().Elem())
	thread.Elem().FieldByName("ID").SetInt(-1) // 0 stands for nobody in SQLite's mutexes
	tls := thread.Interface().(TLS)
	initialize(tls)
	real := find(tls, 0)
	name := malloc(tls, int32(len(lossyName)+1))
	copy(unsafe.Slice(at[byte](name), len(lossyName)+1), lossyName+"\x00")
	own := malloc(tls, int32(unsafe.Sizeof(lib.Tsqlite3_vfs{})))
	vfs := at[lib.Tsqlite3_vfs](own)
	*vfs = *at[lib.Tsqlite3_vfs](real)
	vfs.FpNext, vfs.FzName = 0, name
	wrapped := wrapMethods(v, tls, malloc)
	type open = func(TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	realOpen := function[open](vfs.FxOpen)
	vfs.FxOpen = pointer(v, open(func(tls TLS, _, path, file uintptr, flags int32, outFlags uintptr) int32 {
		rc := realOpen(tls, real, path, file, flags, outFlags)
		if methods := at[uintptr](file); rc == lib.SQLITE_OK && path != 0 {
			v.opened(file, cString(path), at[lib.Tsqlite3_io_methods](*methods))
			*methods = wrapped(*methods)
		}
		return rc
	}))
	type remove = func(TLS, uintptr, uintptr, int32) int32
	realDelete := function[remove](vfs.FxDelete)
	vfs.FxDelete = pointer(v, remove(func(tls TLS, _, path uintptr, syncDir int32) int32 {
		v.deleted(cString(path))
		return realDelete(tls, real, path, syncDir)
	}))
	register(tls, own, 0)
}

// wrapMethods returns a function that makes, once for each table of file
// methods, one that tells v of every change.
func wrapMethods[TLS any](v *lossyVFS, tls TLS, malloc func(TLS, int32) uintptr) func(uintptr) uintptr {
	type (
		write    = func(TLS, uintptr, uintptr, int32, int64) int32
		truncate = func(TLS, uintptr, int64) int32
		sync     = func(TLS, uintptr, int32) int32
		end      = func(TLS, uintptr) int32
	)
	xWrite := pointer(v, write(func(tls TLS, file, data uintptr, n int32, offset int64) int32 {
		if code := v.isFull(file); code != lib.SQLITE_OK {
			return code
		}
		v.changed(file, change{offset, cBytes(data, int(n))})
		return function[write](v.real(file).FxWrite)(tls, file, data, n, offset)
	}))
	xTruncate := pointer(v, truncate(func(tls TLS, file uintptr, size int64) int32 {
		v.changed(file, change{offset: size})
		return function[truncate](v.real(file).FxTruncate)(tls, file, size)
	}))
	xSync := pointer(v, sync(func(tls TLS, file uintptr, flags int32) int32 {
		v.waits(file)
		if v.fails(file) {
			return lib.SQLITE_IOERR_FSYNC
		}
		rc := function[sync](v.real(file).FxSync)(tls, file, flags)
		if rc == lib.SQLITE_OK {
			v.synced(file)
		}
		return rc
	}))
	xClose := pointer(v, end(func(tls TLS, file uintptr) int32 {
		real := v.real(file)
		v.closed(file)
		return function[end](real.FxClose)(tls, file)
	}))
	wrapped := map[uintptr]uintptr{}
	return func(table uintptr) uintptr {
		v.mu.Lock()
		defer v.mu.Unlock()
		if wrapped[table] == 0 {
			p := malloc(tls, int32(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
			m := at[lib.Tsqlite3_io_methods](p)
			*m = *at[lib.Tsqlite3_io_methods](table)
			m.FxWrite, m.FxTruncate, m.FxSync, m.FxClose = xWrite, xTruncate, xSync, xClose
			wrapped[table] = p
		}
		return wrapped[table]
	}
}

func (v *lossyVFS) opened(file uintptr, path string, real *lib.Tsqlite3_io_methods) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[file] = openFile{path, real}
	if v.files[path] == nil {
		v.files[path] = &lossyFile{}
	}
}

func (v *lossyVFS) closed(file uintptr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, file)
}

func (v *lossyVFS) deleted(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.files, path)
}

func (v *lossyVFS) real(file uintptr) *lib.Tsqlite3_io_methods {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open[file].real
}

func (v *lossyVFS) changed(file uintptr, c change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.files[v.open[file].path]
	f.pending = append(f.pending, c)
}

func (v *lossyVFS) synced(file uintptr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.files[v.open[file].path]
	for _, c := range f.pending {
		f.durable = c.apply(f.durable)
	}
	f.pending, f.syncs = nil, f.syncs+1
}

// breakDisk makes every sync in a folder fail from now on, or no longer.
func (v *lossyVFS) breakDisk(dir string, broken bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken[dir] = broken
}

// fillDisk makes every write in a folder fail from now on, or no longer.
func (v *lossyVFS) fillDisk(dir string, code int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.full[dir] = code
}

func (v *lossyVFS) isFull(file uintptr) int32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.full[filepath.Dir(v.open[file].path)]
}

// stallDisk makes every sync in a folder wait until the returned function is called.
func (v *lossyVFS) stallDisk(dir string) (mend func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	hold := make(chan struct{})
	v.held[dir] = hold
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		close(hold)
		delete(v.held, dir)
	}
}

func (v *lossyVFS) waits(file uintptr) {
	v.mu.Lock()
	hold := v.held[filepath.Dir(v.open[file].path)]
	v.mu.Unlock()
	if hold != nil {
		<-hold
	}
}

// fails reports whether a sync fails. What it was to sync is then lost, though it can
// be read: so the kernel does, and the next sync says nothing of it.
func (v *lossyVFS) fails(file uintptr) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	path := v.open[file].path
	if !v.broken[filepath.Dir(path)] {
		return false
	}
	v.files[path].pending = nil
	return true
}

func (c change) apply(b []byte) []byte {
	end := c.offset + int64(len(c.data))
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	if c.data == nil {
		return b[:c.offset]
	}
	copy(b[c.offset:], c.data)
	return b
}

// syncs counts the syncs of a folder's files.
func (v *lossyVFS) syncs(dir string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for path, f := range v.files {
		if filepath.Dir(path) == dir {
			n += f.syncs
		}
	}
	return n
}

// powerLoss writes what a folder may hold after the power failed now: what was
// synced and, if rng is not nil, some of the sectors written since.
func (v *lossyVFS) powerLoss(t *testing.T, dir string, rng *rand.Rand) (image string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	image = t.TempDir()
	for _, path := range slices.Sorted(maps.Keys(v.files)) {
		if filepath.Dir(path) != dir {
			continue
		}
		f := v.files[path]
		b := bytes.Clone(f.durable)
		for _, c := range f.pending {
			if rng != nil && rng.IntN(2) == 0 {
				b = c.torn(rng).apply(b)
			}
		}
		if err := os.WriteFile(filepath.Join(image, filepath.Base(path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// torn is a change of which the disk may have written only the beginning.
func (c change) torn(rng *rand.Rand) change {
	const sector = 512
	if n := len(c.data) / sector; n > 0 && rng.IntN(2) == 0 {
		c.data = c.data[:sector*(1+rng.IntN(n))]
	}
	return c
}
