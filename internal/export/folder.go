package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is a store in a folder that is there, which nobody else exports to
// meanwhile. What it makes is the service's user's: folders 0750 and files 0640, so
// that a group can read them, if the folder's owner wants one to (with the
// set-group-ID bit).
type folder struct {
	path   string
	locked *os.File // the folder; nil: not yet
}

const (
	folderMode = 0o750
	fileMode   = 0o640
)

// errInUse: somebody else exports there.
var errInUse = errors.New("another export writes to this folder")

// put makes a file durable, whole or not at all.
func (f *folder) put(_ context.Context, o object) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err // a volume that is not mounted is not made up for
	}
	if err := f.lock(info); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	path := filepath.Join(f.path, filepath.FromSlash(o.name))
	if err := makeFolders(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	return writeFile(path, o.content, fileMode)
}

// lock locks the folder that has the path now: another volume may be mounted there
// since.
func (f *folder) lock(now fs.FileInfo) error {
	if f.locked != nil {
		if was, err := f.locked.Stat(); err == nil && os.SameFile(was, now) {
			return nil
		}
		f.close()
	}
	dir, err := os.Open(f.path)
	if err != nil {
		return err
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errInUse
	}
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	f.locked = dir
	return nil
}

func (f *folder) bucket() string { return filepath.Base(f.path) }

// close gives the lock back explicitly: a process that is being started shares the
// descriptor.
func (f *folder) close() {
	if f.locked != nil {
		_ = unix.Flock(int(f.locked.Fd()), unix.LOCK_UN)
		_ = f.locked.Close()
		f.locked = nil
	}
}
