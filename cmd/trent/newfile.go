package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// newFile is a file in the making, and its hash. Until it is kept it stands beside
// its name under one that nobody can foresee, which is made anew and so follows no
// link; it takes its name only if nothing has it.
type newFile struct {
	name string
	f    *os.File
	w    *bufio.Writer
	hash hash.Hash

	finished, kept bool
}

// createNew begins a file of a mode, whatever the umask is. It fails at once if its
// name is taken.
func createNew(name string, mode fs.FileMode) (*newFile, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.partial") // of mode 0600
	if err != nil {
		return nil, err
	}
	n := &newFile{name: name, f: f, hash: sha256.New()}
	n.w = bufio.NewWriter(io.MultiWriter(f, n.hash))
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(err, n.discard())
	}
	return n, nil
}

func (n *newFile) Write(b []byte) (int, error) { return n.w.Write(b) }
func (n *newFile) sum() string                 { return hex.EncodeToString(n.hash.Sum(nil)) }

// finish puts the file on the disk, still without its name.
func (n *newFile) finish() error {
	if n.finished {
		return nil
	}
	n.finished = true
	return errors.Join(n.w.Flush(), n.f.Sync(), n.f.Close())
}

// keep gives a finished file its name, and puts that on the disk.
func (n *newFile) keep() error {
	if err := os.Link(n.f.Name(), n.name); err != nil { // unlike a rename it replaces nothing
		return err
	}
	n.kept = true
	return errors.Join(os.Remove(n.f.Name()), syncFolder(filepath.Dir(n.name)))
}

// discard removes what was not kept.
func (n *newFile) discard() (err error) {
	if n == nil || n.kept {
		return nil
	}
	if !n.finished {
		n.finished = true
		err = n.f.Close()
	}
	n.kept = true // there is nothing left to discard
	return errors.Join(err, os.Remove(n.f.Name()))
}

// writeNew makes a file that must not be there, and makes it durable.
func writeNew(name string, mode fs.FileMode, content []byte) (err error) {
	n, err := createNew(name, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.discard()) }()
	if _, err := n.f.Write(content); err != nil { // past the buffer: it may be a secret
		return err
	}
	if err := n.finish(); err != nil {
		return err
	}
	return n.keep()
}

// keepAll keeps all files, or none.
func keepAll(files ...*newFile) error {
	for _, n := range files {
		if err := n.finish(); err != nil {
			return err
		}
	}
	for i, n := range files {
		if err := n.keep(); err != nil {
			for _, kept := range files[:i] {
				err = errors.Join(err, os.Remove(kept.name))
			}
			return err
		}
	}
	return nil
}

// alreadyThere explains that a name is taken.
func alreadyThere(name, what string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and %s overwrites nothing", name, what)
	}
	return err
}
