package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Save reads a backup from r, verifies it and keeps it as a new file of mode
// 0600. Until it is whole and on disk it stands beside the path under another
// name, ending in ".partial", which an error removes. A file that is there is
// not overwritten: the error wraps fs.ErrExist.
func Save(path string, r io.Reader) (m *Manifest, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, filepath.Base(path)+".*.partial") // of mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	sealed, err := Verify(io.TeeReader(r, f))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike a rename it replaces nothing
		return nil, err
	}
	return &sealed.Manifest, syncPath(folder)
}

// syncPath writes a file, or the entries of a folder, to disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
