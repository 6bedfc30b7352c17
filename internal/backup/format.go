package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The layout of docs/formats.md, "Backup".
const (
	magic            = "TRENTBACKUP"
	version          = 1
	maxChunkBytes    = 1 << 20
	maxManifestBytes = 64 << 10
	macBytes         = sha256.Size
	macLabel         = "TRENT-BACKUP-01"
)

// writer writes a backup's parts in their order.
type writer struct {
	w     io.Writer
	whole hash.Hash // of everything
}

func newWriter(w io.Writer) (*writer, error) {
	out := &writer{w: w, whole: sha256.New()}
	return out, out.put(append([]byte(magic), version))
}

func (w *writer) put(b []byte) error {
	w.whole.Write(b)
	_, err := w.w.Write(b)
	return err
}

// Write writes a part of the snapshot, as chunks.
func (w *writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		chunk := b[:min(len(b), maxChunkBytes)]
		if err := w.put(binary.BigEndian.AppendUint32(nil, uint32(len(chunk)))); err != nil {
			return n, err
		}
		if err := w.put(chunk); err != nil {
			return n, err
		}
		n, b = n+len(chunk), b[len(chunk):]
	}
	return n, nil
}

// finish writes the snapshot's end, the manifest and the hash.
func (w *writer) finish(manifest []byte, mac [macBytes]byte) error {
	if len(manifest) > maxManifestBytes {
		return fmt.Errorf("backup: a manifest of %d bytes", len(manifest))
	}
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(manifest)))
	b = append(append(b, manifest...), mac[:]...)
	if err := w.put(b); err != nil {
		return err
	}
	_, err := w.w.Write(w.whole.Sum(nil))
	return err
}

// reader reads what writer wrote.
type reader struct {
	r     io.Reader
	whole hash.Hash
	left  int  // of the chunk
	ended bool // the snapshot
}

func newReader(r io.Reader) (*reader, error) {
	in := &reader{r: r, whole: sha256.New()}
	var head [len(magic) + 1]byte
	if err := in.fill(head[:]); err != nil {
		return nil, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrNotValid)
	}
	if v := head[len(magic)]; v != version {
		return nil, fmt.Errorf("%w: its format is version %d, and this program reads %d", ErrNotValid, v, version)
	}
	return in, nil
}

// fill reads and hashes exactly len(b) bytes.
func (r *reader) fill(b []byte) error {
	if _, err := io.ReadFull(r.r, b); err != nil {
		return cutShort(err)
	}
	r.whole.Write(b)
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut short", ErrNotValid)
	}
	return fmt.Errorf("read the backup: %w", err)
}

func (r *reader) number() (uint32, error) {
	var b [4]byte
	err := r.fill(b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

// Read reads the snapshot; io.EOF is its end, and not the file's.
func (r *reader) Read(b []byte) (int, error) {
	if r.left == 0 && !r.ended {
		n, err := r.number()
		if err != nil {
			return 0, err
		}
		if n > maxChunkBytes {
			return 0, fmt.Errorf("%w: a chunk of %d bytes", ErrNotValid, n)
		}
		r.left, r.ended = int(n), n == 0
	}
	if r.ended {
		return 0, io.EOF
	}
	n, err := r.r.Read(b[:min(len(b), r.left)])
	r.whole.Write(b[:n])
	r.left -= n
	if err != nil {
		if n > 0 { // the error comes again
			return n, nil
		}
		return 0, cutShort(err)
	}
	return n, nil
}

// finish reads what follows the snapshot, to the end of the file, and checks
// the hash of everything.
func (r *reader) finish() (manifest []byte, mac [macBytes]byte, err error) {
	if !r.ended {
		return nil, mac, fmt.Errorf("%w: bytes after the snapshot's end", ErrNotValid)
	}
	n, err := r.number()
	if err != nil {
		return nil, mac, err
	}
	if n > maxManifestBytes {
		return nil, mac, fmt.Errorf("%w: a manifest of %d bytes", ErrNotValid, n)
	}
	manifest = make([]byte, n)
	if err := errors.Join(r.fill(manifest), r.fill(mac[:])); err != nil {
		return nil, mac, err
	}
	sum := r.whole.Sum(nil)
	stored := make([]byte, sha256.Size)
	if err := r.fill(stored); err != nil {
		return nil, mac, err
	}
	if !bytes.Equal(sum, stored) {
		return nil, mac, fmt.Errorf("%w: its hash differs", ErrNotValid)
	}
	if n, err := r.r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return nil, mac, errors.Join(fmt.Errorf("%w: bytes after its end", ErrNotValid), err)
	}
	return manifest, mac, nil
}
