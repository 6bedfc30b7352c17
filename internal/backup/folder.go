package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// markName is the file that says that a data folder is being restored.
const markName = "restore-unfinished"

// Errors of a restore's folder.
var (
	// ErrNotEmpty: a backup is restored into a folder that is missing or empty.
	ErrNotEmpty = errors.New("the folder is not empty, and a restore overwrites nothing")
	// ErrCutOff: a restore of this folder is at work, or was cut off.
	ErrCutOff = errors.New("a restore into this folder is running, or one was cut off: if none is running, remove what is in the folder and restore again")
)

// Whole returns ErrCutOff for a data folder that a restore has not finished.
func Whole(data string) error {
	if _, err := os.Lstat(filepath.Join(data, markName)); err == nil {
		return fmt.Errorf("%s: %w", data, ErrCutOff)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A Folder is a data folder that a restore fills. It is marked as unfinished
// before anything else is in it, and until everything is on disk. It is filled in
// its place, for that may be a volume of its own, in a folder that this user
// cannot write to.
type Folder struct {
	data string
	made bool // it was missing
}

// BeginFolder makes a data folder, if it is missing, and marks it. One that is
// there must be this user's and empty: the error wraps ErrCutOff or ErrNotEmpty,
// and nothing was changed.
func BeginFolder(data string) (*Folder, error) {
	f := &Folder{data: data}
	entries, err := os.ReadDir(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.made = true
		if err := os.Mkdir(data, 0o700); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, errors.Join(Whole(data), fmt.Errorf("%s: %w", data, ErrNotEmpty))
	default:
		if err := own(data); err != nil {
			return nil, err
		}
	}
	mark, err := os.OpenFile(filepath.Join(data, markName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(mark.Sync(), mark.Close(), syncPath(data), syncPath(filepath.Dir(data))); err != nil {
		return nil, errors.Join(err, f.Abandon())
	}
	return f, nil
}

// own refuses a folder of another user: what is restored would belong to this.
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

// Finish writes the folder to disk and takes the mark away.
func (f *Folder) Finish() error {
	err := filepath.WalkDir(f.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(f.data, markName)), syncPath(f.data))
}

// Abandon removes what was made, the mark last.
func (f *Folder) Abandon() error {
	entries, err := os.ReadDir(f.data)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != markName {
			if err := os.RemoveAll(filepath.Join(f.data, entry.Name())); err != nil {
				return err
			}
		}
	}
	err = os.Remove(filepath.Join(f.data, markName))
	if f.made {
		err = errors.Join(err, os.Remove(f.data))
	}
	return err
}
