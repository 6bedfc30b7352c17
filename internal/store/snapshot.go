package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The snapshot stream of docs/formats.md, which every engine writes and reads.
const (
	snapshotMagic   = "TRENTSNAP"
	snapshotVersion = 1
	snapshotKey     = 1 // a key follows
	snapshotEnd     = 0 // the count and the hash follow
)

// ErrSnapshot: the stream is no snapshot, is cut short, was changed, or has
// something after its end.
var ErrSnapshot = errors.New("store: not a valid snapshot")

// ErrNotEmpty: a snapshot is restored into an empty store only, one that never
// had a transaction.
var ErrNotEmpty = errors.New("store: not empty")

// SnapshotWriter writes a snapshot stream.
type SnapshotWriter struct {
	w     *bufio.Writer
	hash  hash.Hash
	buf   []byte
	count uint64
}

// NewSnapshotWriter starts a stream of the store's state at rev.
func NewSnapshotWriter(w io.Writer, rev Rev) (*SnapshotWriter, error) {
	s := &SnapshotWriter{w: bufio.NewWriterSize(w, 64<<10), hash: sha256.New()}
	s.buf = append(s.buf, snapshotMagic...)
	s.buf = append(s.buf, snapshotVersion)
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(rev))
	return s, s.flush()
}

// Put writes one key; keys come in order.
func (s *SnapshotWriter) Put(kv KV) error {
	s.buf = append(s.buf, snapshotKey)
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(len(kv.Key)))
	s.buf = append(s.buf, kv.Key...)
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(len(kv.Value)))
	s.buf = append(s.buf, kv.Value...)
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(kv.Create))
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(kv.Mod))
	s.count++
	return s.flush()
}

// Close writes the stream's end. It does not close the underlying writer.
func (s *SnapshotWriter) Close() error {
	s.buf = append(s.buf, snapshotEnd)
	s.buf = binary.BigEndian.AppendUint64(s.buf, s.count)
	if err := s.flush(); err != nil {
		return err
	}
	if _, err := s.w.Write(s.hash.Sum(nil)); err != nil {
		return err
	}
	return s.w.Flush()
}

// flush hashes and writes what is in the buffer, and empties it.
func (s *SnapshotWriter) flush() error {
	s.hash.Write(s.buf)
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// SnapshotReader reads a snapshot stream. Nothing that it yields may be kept
// before Next has returned io.EOF: only then is the whole stream checked.
type SnapshotReader struct {
	r     *bufio.Reader
	hash  hash.Hash
	rev   Rev
	last  []byte
	count uint64
}

// NewSnapshotReader reads a stream's beginning.
func NewSnapshotReader(r io.Reader) (*SnapshotReader, error) {
	s := &SnapshotReader{r: bufio.NewReaderSize(r, 64<<10), hash: sha256.New()}
	var head [len(snapshotMagic) + 1]byte
	if err := s.read(head[:]); err != nil {
		return nil, err
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic || head[len(snapshotMagic)] != snapshotVersion {
		return nil, fmt.Errorf("%w: not of version %d", ErrSnapshot, snapshotVersion)
	}
	var err error
	if s.rev, err = s.number(); err != nil {
		return nil, err
	}
	if s.rev < 0 { // the next one could be 0, which means that a key is absent
		return nil, fmt.Errorf("%w: a negative revision", ErrSnapshot)
	}
	return s, nil
}

// Rev is the store's revision at which the snapshot was taken.
func (s *SnapshotReader) Rev() Rev { return s.rev }

// Next returns the next key, io.EOF at the stream's checked end, and an error
// that wraps ErrSnapshot for a stream that is not whole.
func (s *SnapshotReader) Next() (KV, error) {
	var tag [1]byte
	if err := s.read(tag[:]); err != nil {
		return KV{}, err
	}
	switch tag[0] {
	case snapshotKey:
		return s.key()
	case snapshotEnd:
		return KV{}, s.end()
	}
	return KV{}, fmt.Errorf("%w: unknown tag", ErrSnapshot)
}

func (s *SnapshotReader) key() (kv KV, err error) {
	if kv.Key, err = s.bytes(); err != nil {
		return KV{}, err
	}
	if kv.Value, err = s.bytes(); err != nil {
		return KV{}, err
	}
	if kv.Create, err = s.number(); err != nil {
		return KV{}, err
	}
	if kv.Mod, err = s.number(); err != nil {
		return KV{}, err
	}
	if bytes.Compare(kv.Key, s.last) <= 0 {
		return KV{}, fmt.Errorf("%w: keys out of order", ErrSnapshot)
	}
	if kv.Create < 1 || kv.Mod < kv.Create || s.rev < kv.Mod {
		return KV{}, fmt.Errorf("%w: impossible revisions", ErrSnapshot)
	}
	s.last = kv.Key
	s.count++
	return kv, nil
}

// end checks count, hash and that nothing follows; all well is io.EOF.
func (s *SnapshotReader) end() error {
	count, err := s.number()
	if err != nil {
		return err
	}
	var sum [sha256.Size]byte
	s.hash.Sum(sum[:0])
	var want [sha256.Size]byte
	if err := s.read(want[:]); err != nil {
		return err
	}
	if sum != want || uint64(count) != s.count {
		return fmt.Errorf("%w: hash or count differs", ErrSnapshot)
	}
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("%w: bytes after the end", ErrSnapshot), err)
	}
	return io.EOF
}

func (s *SnapshotReader) bytes() ([]byte, error) {
	var n [4]byte
	if err := s.read(n[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > MaxTxnBytes {
		return nil, fmt.Errorf("%w: a part of %d bytes", ErrSnapshot, size)
	}
	b := make([]byte, size)
	return b, s.read(b)
}

func (s *SnapshotReader) number() (Rev, error) {
	var b [8]byte
	err := s.read(b[:])
	return Rev(binary.BigEndian.Uint64(b[:])), err
}

// read fills b and hashes it. An early end is ErrSnapshot.
func (s *SnapshotReader) read(b []byte) error {
	if _, err := io.ReadFull(s.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: cut short", ErrSnapshot)
		}
		return fmt.Errorf("store: read snapshot: %w", err)
	}
	s.hash.Write(b)
	return nil
}
