package export

import (
	"context"
	"os"
	"path/filepath"
)

// folder is a store in a folder that is there. What it makes is the service's
// user's: folders 0750 and files 0640, so that a group can read them, if the
// folder's owner wants one to (with the set-group-ID bit).
type folder string

const (
	folderMode = 0o750
	fileMode   = 0o640
)

// put makes a file durable, whole or not at all.
func (f folder) put(_ context.Context, o object) error {
	if _, err := os.Stat(string(f)); err != nil {
		return err // a volume that is not mounted is not made up for
	}
	path := filepath.Join(string(f), filepath.FromSlash(o.name))
	if err := makeFolders(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	return writeFile(path, o.content, fileMode)
}

func (f folder) bucket() string { return filepath.Base(string(f)) }

func (f folder) close() {}
