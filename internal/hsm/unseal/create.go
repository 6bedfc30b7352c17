package unseal

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeFile writes a new file, under another name first, and then its entry in
// the folder to disk. sync is (*os.File).Sync but in tests.
func writeFile(path string, text []byte, sync func(*os.File) error) (err error) {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	// Its mode is 0600 whatever the umask lets through of that.
	f, err := os.CreateTemp(folder.Name(), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name()) // of no use to anybody
		}
	}()
	defer f.Close()
	if err := f.Chmod(fileMode); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := sync(f); err != nil {
		return err
	}
	if err := rename(f.Name(), path); err != nil {
		return &os.LinkError{Op: "rename", Old: f.Name(), New: path, Err: err}
	}
	return sync(folder)
}

// rename gives the file at from the name to, unless something has it.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// A file system or kernel without that flag.
	if err := unix.Link(from, to); err != nil {
		return err
	}
	return unix.Unlink(from)
}
