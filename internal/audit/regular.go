package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// ErrNotRegular: what is to be read is no regular file, or a larger one than is
// ever written.
var ErrNotRegular = errors.New("audit: not a regular file of a permitted size")

// ReadRegular reads a file that is not to be trusted: no link, no device, nothing
// that blocks, and at most so many bytes.
func ReadRegular(path string, most int64) ([]byte, error) { return readRegular(path, most, nil) }

// readRegular is ReadRegular into a buffer, if it has room.
func readRegular(path string, most int64, into []byte) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: %s is a link", ErrNotRegular, path)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%w: %s, %d bytes", ErrNotRegular, path, info.Size())
	}
	b := slices.Grow(into[:0], int(info.Size()))[:info.Size()]
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return b[:n], nil
}

// ahead reads segments, one while the one before it is looked at.
type ahead struct {
	loaded chan loaded
	free   chan []byte // buffers, to be used again
	done   chan struct{}
}

// loaded is a segment's file.
type loaded struct {
	id  segmentID
	b   []byte
	err error
}

// readAhead begins to read. Whoever takes a segment gives its buffer back.
func readAhead(nodeDir string, segments []segmentID) *ahead {
	const buffers = 2
	a := &ahead{loaded: make(chan loaded), free: make(chan []byte, buffers), done: make(chan struct{})}
	for range buffers {
		a.free <- nil
	}
	go a.run(nodeDir, segments)
	return a
}

func (a *ahead) run(nodeDir string, segments []segmentID) {
	defer close(a.loaded)
	for _, id := range segments {
		var b []byte
		select {
		case b = <-a.free:
		case <-a.done:
			return
		}
		select {
		case a.loaded <- load(nodeDir, id, b):
		case <-a.done:
			return
		}
	}
}

// close ends the reading.
func (a *ahead) close() {
	close(a.done)
	for range a.loaded {
	}
}

// load reads a segment, which may just have been sealed.
func load(nodeDir string, id segmentID, into []byte) loaded {
	b, err := readRegular(id.path(nodeDir), maxInspected, into)
	if errors.Is(err, fs.ErrNotExist) && !id.sealed {
		id.sealed = true
		b, err = readRegular(id.path(nodeDir), maxInspected, into)
	}
	return loaded{id, b, err}
}
