package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fsys is every file operation of the trail, so that tests can put a layer
// under it that loses what was not synced, fails or stalls.
type fsys interface {
	// mkdir makes a directory (0700) unless it is there.
	mkdir(path string) error
	// list returns the names in a directory, sorted.
	list(path string) ([]string, error)
	// create makes a file (0600) that must not exist and opens it to write.
	create(path string) (file, error)
	// open opens a file to read it.
	open(path string) (io.ReadCloser, error)
	// truncate cuts a file and makes it durable as it then is, also where a sync has
	// failed before: after that the kernel takes for clean what the disk may not have.
	truncate(path string, size int64) error
	// rename renames a file.
	rename(old, name string) error
	// remove removes a file; one that is not there is no error.
	remove(path string) error
	// syncDir makes the names in a directory durable.
	syncDir(path string) error
	// lock takes the directory for this process until the closer is closed.
	lock(path string) (io.Closer, error)
}

// file is a segment that is being written.
type file interface {
	io.WriterAt
	io.Closer
	// zero writes n zeros.
	zero(offset, n int64) error
	// Sync is fdatasync: everything whose write returned before survives a
	// loss of power.
	Sync() error
	// startWriteback asks the kernel to begin writing that range to the disk,
	// and does not wait: it makes a later Sync short and promises nothing.
	startWriteback(offset, n int64)
	Truncate(size int64) error
}

// osFS is the operating system's file system.
type osFS struct{}

func (osFS) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (osFS) list(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (osFS) open(path string) (io.ReadCloser, error) { return os.Open(path) }

func (osFS) truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = rewrite(f, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// rewrite writes a file's contents over themselves.
func rewrite(f *os.File, size int64) error {
	buf := make([]byte, 1<<20)
	for at := int64(0); at < size; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

func (osFS) rename(old, name string) error { return os.Rename(old, name) }

func (osFS) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (osFS) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) lock(path string) (io.Closer, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit: lock %s: %w", filepath.Base(path), err), d.Close())
	}
	return dirLock{d}, nil
}

// dirLock gives a directory's lock back explicitly: a process that is being
// started at this moment still shares the descriptor, and closing ours would
// not.
type dirLock struct{ dir *os.File }

func (l dirLock) Close() error {
	return errors.Join(unix.Flock(int(l.dir.Fd()), unix.LOCK_UN), l.dir.Close())
}

// osFile syncs with fdatasync, which saves the write of the inode's times. It
// may be synced while it is written and closed.
type osFile struct {
	*os.File
	zeros []byte // made when they are first needed
}

func (f *osFile) zero(offset, n int64) error {
	if f.zeros == nil {
		f.zeros = make([]byte, 64<<10)
	}
	for end := offset + n; offset < end; {
		written, err := f.WriteAt(f.zeros[:min(int64(len(f.zeros)), end-offset)], offset)
		if err != nil {
			return err
		}
		offset += int64(written)
	}
	return nil
}

func (f *osFile) Sync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for syncErr = unix.EINTR; errors.Is(syncErr, unix.EINTR); {
			syncErr = unix.Fdatasync(int(fd))
		}
	})
	return errors.Join(err, syncErr)
}

func (f *osFile) startWriteback(offset, n int64) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	// Not every file system can; what is not begun here is done by Sync.
	_ = conn.Control(func(fd uintptr) {
		_ = unix.SyncFileRange(int(fd), offset, n, unix.SYNC_FILE_RANGE_WRITE)
	})
}
