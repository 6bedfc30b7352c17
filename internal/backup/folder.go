package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// unfinished is what the name of a data folder ends in until it is restored.
const unfinished = ".restoring"

// Errors of a restore's folder.
var (
	// ErrNotEmpty: a backup is restored into a folder that is missing or empty.
	ErrNotEmpty = errors.New("the folder is not empty, and a restore overwrites nothing")
	// ErrCutOff: another restore is at work, or was cut off.
	ErrCutOff = errors.New("another restore is running, or one was cut off: if none is running, remove the folder and restore again")
)

// A Folder is a data folder in the making. It stands beside the one that it
// becomes, and becomes it in one step: a data folder is restored whole, or it
// is not there.
type Folder struct {
	// Path is where it is made.
	Path   string
	target string
}

// BeginFolder makes the folder that is going to be data, which must be missing
// or empty. The error wraps ErrNotEmpty or ErrCutOff where they fit.
func BeginFolder(data string) (*Folder, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	switch entries, err := os.ReadDir(data); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, fmt.Errorf("%s: %w", data, ErrNotEmpty)
	default:
		if err := own(data); err != nil {
			return nil, err
		}
	}
	f := &Folder{Path: data + unfinished, target: data}
	switch err := os.Mkdir(f.Path, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("%s: %w", f.Path, ErrCutOff)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("a restore makes its folder beside %s, so this user must be able to write to %s: %w", data, filepath.Dir(data), err)
	case err != nil:
		return nil, err
	}
	return f, nil
}

// own refuses a folder of another user: the restored one would belong to this.
func own(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: run the restore as that user", path, st.Uid)
	}
	return nil
}

// Finish writes the folder to disk and gives it its name.
func (f *Folder) Finish() error {
	err := filepath.WalkDir(f.Path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
	if err != nil {
		return err
	}
	if err := unix.Rename(f.Path, f.target); err != nil { // over an empty folder, which os.Rename would not, and over nothing else
		return &os.LinkError{Op: "rename", Old: f.Path, New: f.target, Err: err}
	}
	return syncPath(filepath.Dir(f.target))
}

// Abandon removes what was made.
func (f *Folder) Abandon() error { return os.RemoveAll(f.Path) }
