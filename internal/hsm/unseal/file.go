package unseal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/kdf"
)

// FileProvider is the name of the provider `file`.
const FileProvider = "file"

const (
	fileMode = 0o600
	fileSize = 2*KeySize + 1 // hex digits and a newline
)

// ErrKeyFile says that a module key file must not be used as it is.
var ErrKeyFile = errors.New("unseal: module key file refused")

// File is the provider `file`. It holds the key of a module key file in
// locked memory; the file itself is not needed any more.
type File struct {
	slab *slab.Slab
	ref  slab.Ref
}

var _ Provider = (*File)(nil)

// CreateFile makes a module key file at path, which must not exist, and
// returns its provider. When it returns, the file and its entry in the folder
// are on disk; whenever it is ended before, there is a whole file or none.
func CreateFile(path string) (*File, error) {
	var key [KeySize]byte
	defer clear(key[:])
	rand.Read(key[:])
	var text [fileSize]byte
	defer clear(text[:])
	hex.Encode(text[:], key[:])
	text[fileSize-1] = '\n'
	if err := writeFile(path, text[:], (*os.File).Sync); err != nil {
		return nil, fmt.Errorf("unseal: create module key file: %w", err)
	}
	return newFile(&key)
}

// OpenFile reads the module key file at path. The error wraps ErrKeyFile if
// it is not a regular file (a symbolic link is none), if its mode is not
// 0600, if it is not the process's user's, or if its content is not 64
// lower-case hexadecimal digits and a newline.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: %s is a symbolic link", ErrKeyFile, path)
	}
	if err != nil {
		return nil, fmt.Errorf("unseal: open module key file: %w", err)
	}
	defer f.Close()
	if err := checkFile(f, os.Geteuid()); err != nil {
		return nil, fmt.Errorf("%w: %s %w", ErrKeyFile, path, err)
	}
	var text [fileSize + 1]byte // one more, to see a file that grew
	defer clear(text[:])
	var key [KeySize]byte
	defer clear(key[:])
	n, err := io.ReadFull(f, text[:])
	if !errors.Is(err, io.ErrUnexpectedEOF) || n != fileSize || !decodeKey(&key, text[:fileSize]) {
		return nil, fmt.Errorf("%w: %s does not hold 64 lower-case hexadecimal digits and a newline", ErrKeyFile, path)
	}
	return newFile(&key)
}

// checkFile says what is wrong with the open file's kind, mode or size, or
// that it does not belong to uid.
func checkFile(f *os.File, uid int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	case info.Mode() != fileMode:
		return fmt.Errorf("has mode %04o, not %04o", info.Mode().Perm(), fileMode)
	case !ok || int(stat.Uid) != uid:
		return errors.New("belongs to another user")
	case info.Size() != fileSize:
		return fmt.Errorf("has %d bytes, not %d", info.Size(), fileSize)
	}
	return nil
}

// decodeKey accepts the one form that CreateFile writes.
func decodeKey(key *[KeySize]byte, text []byte) bool {
	for _, c := range text[:2*KeySize] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(key[:], text[:2*KeySize])
	return err == nil && text[2*KeySize] == '\n'
}

func newFile(key *[KeySize]byte) (*File, error) {
	s, err := slab.New(1)
	if err != nil {
		return nil, err
	}
	ref, err := s.Put(key)
	if err != nil {
		return nil, err
	}
	return &File{slab: s, ref: ref}, nil
}

// Name is FileProvider.
func (f *File) Name() string { return FileProvider }

// Seal implements Provider.
func (f *File) Seal(domainID *[DomainIDSize]byte, tokenKey *[KeySize]byte) (Slot, error) {
	slot := Slot{Provider: FileProvider}
	rand.Read(slot.Nonce[:])
	var key [KeySize]byte
	defer clear(key[:])
	if !f.slab.Get(f.ref, &key) {
		return Slot{}, slab.ErrErased
	}
	var d kdf.Deriver
	aead, err := d.AEAD(key[:], kdf.LabelUnsealFile, domainID[:], &slot.Nonce)
	if err != nil {
		return Slot{}, err
	}
	slot.Sealed = aead.Seal(nil, nil, tokenKey[:], slotAAD(domainID, &slot))
	return slot, nil
}

// Unseal implements Provider.
func (f *File) Unseal(domainID *[DomainIDSize]byte, slot *Slot, tokenKey *[KeySize]byte) error {
	var key [KeySize]byte
	defer clear(key[:])
	if !f.slab.Get(f.ref, &key) {
		return slab.ErrErased
	}
	var d kdf.Deriver
	aead, err := d.AEAD(key[:], kdf.LabelUnsealFile, domainID[:], &slot.Nonce)
	if err != nil {
		return err
	}
	if slot.Provider != FileProvider || len(slot.Sealed) != KeySize+aead.Overhead() {
		return ErrSealed
	}
	if _, err := aead.Open(tokenKey[:0], nil, slot.Sealed, slotAAD(domainID, slot)); err != nil {
		return ErrSealed
	}
	return nil
}

// Hidden says whether the kernel hides the key from other processes, root's
// included.
func (f *File) Hidden() bool { return f.slab.Hidden() }

// Erase implements Provider.
func (f *File) Erase() { f.slab.Erase() }

// Close erases the key and frees its memory.
func (f *File) Close() error { return f.slab.Close() }

func slotAAD(domainID *[DomainIDSize]byte, slot *Slot) []byte {
	return append(domainID[:len(domainID):len(domainID)], slot.Nonce[:]...)
}
