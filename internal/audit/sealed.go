package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names of segments in the clear and of sealed ones.
const (
	clearSuffix  = ".log"
	sealedSuffix = ".sealed"
)

// SealedMagic is how a sealed segment's file begins. After it stands, as u64, how
// many bytes the segment had in the clear; all else is internal/auditseal's.
const SealedMagic = "TRENTSEA\x00\x01\x00\x00"

// ErrSealed: the segment is encrypted, and was not opened.
var ErrSealed = errors.New("audit: the segment is sealed")

// ErrNotNow: it could not be opened now, which says nothing of its bytes: who has
// the key does not give it, does not answer, or knows no such segment.
var ErrNotNow = fmt.Errorf("%w, and cannot be read now", ErrSealed)

// Opener opens sealed files.
type Opener interface {
	// Open returns what was sealed, if that is the file of this name. Its errors
	// wrap ErrSealed, and ErrNotNow if it was not tried.
	Open(name string, sealed []byte) ([]byte, error)
}

// Sealed is what the digest that names a sealed segment says of it.
type Sealed struct {
	Epoch, Number uint64
	First, Last   uint64   // records
	Before, Hash  [32]byte // of the record before the first, and of the last
	Bytes         int64    // as stored
	SHA256        [32]byte // of the bytes as stored
}

// Name is the segment's name in the trails' folder, with slashes; a sealed one
// has that of the clear one, which it is bound to.
func (s *Segment) Name() string { return s.id().name() }

// SealedPath is where the segment's file is if it is sealed.
func (s *Segment) SealedPath() string {
	return strings.TrimSuffix(strings.TrimSuffix(s.Path, clearSuffix), sealedSuffix) + sealedSuffix
}

func (s *Segment) id() segmentID {
	return segmentID{node: s.Node, epoch: s.Epoch, number: s.Number, sealed: s.Sealed}
}

func (s segmentID) name() string {
	return hex.EncodeToString(s.node[:]) + "/" + epochName(s.epoch) + "/" + segmentName(s.number)
}

// Open opens the segment to read records at their offsets. A sealed one is
// decrypted into memory.
func (s *Segment) Open() (ReadAtCloser, error) {
	if !s.Sealed {
		f, err := os.Open(s.Path)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // else it was sealed just now
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	b, err := (unsealing{opener: s.opener}).unseal(s.SealedPath())
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return readAtCloser{bytes.NewReader(b)}, nil
}

// ReadAtCloser is a segment that is open.
type ReadAtCloser interface {
	io.ReaderAt
	io.Closer
}

type readAtCloser struct{ *bytes.Reader }

func (readAtCloser) Close() error { return nil }

// unsealing reads sealed segments as if they were clear ones.
type unsealing struct {
	fsys
	opener Opener // nil: there is no key
}

// open opens a segment. One in the clear that is gone was sealed just now.
func (u unsealing) open(path string) (io.ReadCloser, error) {
	if !strings.HasSuffix(path, sealedSuffix) {
		f, err := u.fsys.open(path)
		base, is := strings.CutSuffix(path, clearSuffix)
		if !is || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		b, sealedErr := u.unseal(base + sealedSuffix)
		if errors.Is(sealedErr, fs.ErrNotExist) {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(b)), sealedErr
	}
	b, err := u.unseal(path)
	return io.NopCloser(bytes.NewReader(b)), err
}

// unseal reads and decrypts the sealed segment at a path.
func (u unsealing) unseal(path string) ([]byte, error) {
	sealed, err := ReadRegular(path, maxInspected)
	if err != nil {
		return nil, err
	}
	epochDir, file := filepath.Split(filepath.Clean(path))
	nodeDir, epoch := filepath.Split(filepath.Clean(epochDir))
	if u.opener == nil {
		return nil, fmt.Errorf("%w: %s of epoch %s, and there is no key", ErrSealed, file, epoch)
	}
	name := filepath.Base(nodeDir) + "/" + epoch + "/" + strings.TrimSuffix(file, sealedSuffix) + clearSuffix
	return u.opener.Open(name, sealed)
}

// clearBytes is how long a sealed segment is in the clear, by its own account.
func clearBytes(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // only read
	var b [len(SealedMagic) + 8]byte
	if _, err := io.ReadFull(f, b[:]); err != nil || string(b[:len(SealedMagic)]) != SealedMagic {
		return 0
	}
	return int64(min(binary.BigEndian.Uint64(b[len(SealedMagic):]), maxInspected))
}
