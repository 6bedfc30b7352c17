package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// output is a folder that tiles are written to.
type output struct {
	folder
	until string // its files' folders up to this one are synced with them
	// whole says that one call syncs all of the file system. A busy service's tiles
	// are hundreds of files, whose syncs one by one would hold up those of the trail.
	whole bool
	due   map[string]struct{} // files and folders to sync one by one, unless whole
}

// maxDue is how many are synced later.
const maxDue = 1024

// syncable are the file systems (statfs(2)) of which a syncfs is known to put
// everything on the disk. Of a network's or a process's, as NFS, SMB and FUSE are,
// the kernel does not tell the other side to.
var syncable = map[int64]bool{unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true}

// outputTo writes to a log's folder, or, if the tree is made anew, beside what is
// there: until settle, nothing of the tree that was signed is touched.
func outputTo(f folder, anew bool) (*output, error) {
	o := &output{folder: f, until: filepath.Dir(filepath.Dir(string(f))), due: map[string]struct{}{}}
	if anew {
		o.folder = folder(filepath.Join(string(f), anewName))
	}
	// What stands there is of a tree that was not finished, or that has settled.
	err := errors.Join(os.RemoveAll(filepath.Join(string(f), anewName)), os.RemoveAll(filepath.Join(string(f), beforeName)), os.MkdirAll(string(o.folder), 0o700))
	var stat unix.Statfs_t
	if err == nil {
		err = unix.Statfs(string(o.folder), &stat)
	}
	if err != nil {
		return nil, fmt.Errorf("tlog: %w", err)
	}
	o.whole = syncable[int64(stat.Type)]
	return o, nil
}

// write makes a file whole or not at all. That it survives a loss of power is
// sync's doing.
func (o *output) write(path string, content []byte) error {
	dir, name := filepath.Split(path)
	temporary := filepath.Join(dir, "."+name)
	const flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	file, err := os.OpenFile(temporary, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			file, err = os.OpenFile(temporary, flags, 0o600)
		}
	}
	if err == nil {
		_, err = file.Write(content)
		err = errors.Join(err, file.Close())
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return fmt.Errorf("tlog: %w", err)
	}
	return o.wrote(path)
}

// wrote notes what is to be synced of a file.
func (o *output) wrote(path string) error {
	if o.whole {
		return nil
	}
	for ; path != o.until; path = filepath.Dir(path) {
		o.due[path] = struct{}{}
	}
	o.due[path] = struct{}{}
	if len(o.due) >= maxDue {
		return o.sync()
	}
	return nil
}

// writeTile writes the hashes of a tile, full or not.
func (o *output) writeTile(level int, number uint64, hashes []tlog.Hash) error {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return o.write(o.tile(level, number, len(hashes)), b)
}

// writeEntries writes an entry bundle, full or not.
func (o *output) writeEntries(number uint64, entries [][32]byte) error {
	b := make([]byte, 0, len(entries)*entryBytes)
	for i := range entries {
		b = append(binary.BigEndian.AppendUint16(b, 32), entries[i][:]...)
	}
	return o.write(o.tile(entriesLevel, number, len(entries)), b)
}

// sync makes everything that was written survive a loss of power.
func (o *output) sync() error {
	if o.whole {
		return syncPath(string(o.folder), unix.Syncfs)
	}
	for path := range o.due {
		if err := syncPath(path, unix.Fsync); err != nil {
			return err
		}
	}
	clear(o.due)
	return nil
}

func syncPath(path string, sync func(fd int) error) error {
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(sync(int(f.Fd())), f.Close())
	}
	if err != nil {
		return fmt.Errorf("tlog: sync: %w", err)
	}
	return nil
}

// settle puts the tiles, which are synced, in the place of the log's, durably. A
// log that is ended between two of its steps is made again.
func (o *output) settle(f folder) error {
	if o.folder == f {
		return nil
	}
	tiles, before := filepath.Join(string(f), tilesName), filepath.Join(string(f), beforeName)
	err := os.Rename(tiles, before)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(filepath.Join(string(o.folder), tilesName), tiles)
	}
	if err != nil {
		return fmt.Errorf("tlog: %w", err)
	}
	o.folder = f
	_ = os.RemoveAll(before) // what stays goes at the next start
	_ = os.Remove(filepath.Join(string(f), anewName))
	return syncPath(string(f), unix.Fsync)
}

// replace replaces the checkpoint or the keys, durably.
func (f folder) replace(name string, content []byte) error {
	temporary := filepath.Join(string(f), "."+name)
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = file.Write(content)
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err == nil {
		err = os.Rename(temporary, filepath.Join(string(f), name))
	}
	if err != nil {
		return fmt.Errorf("tlog: %w", err)
	}
	return syncPath(string(f), unix.Fsync)
}
