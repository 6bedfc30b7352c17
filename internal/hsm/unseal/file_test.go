package unseal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/internal/hsm/domain/slab"
)

// frozenSlot was computed by an independent implementation (Python's hashlib
// and hmac, OpenSSL's AES-256-GCM): key file 00…1f, domain id 01 01…0f, slot
// nonce 40…4f, GCM nonce f0…fb, token key 20…3f.
const frozenSlot = "f0f1f2f3f4f5f6f7f8f9fafbb28b28462b4182e8e6688f7ce644fd94549eb58f348cf2de0698936492ea532c0e7d60893dfbdbccaa3fcdef90777bfb"

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func writeKey(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "module.key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// closed closes a provider at the test's end.
func closed(t *testing.T, f *File, err error) *File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

var domainID = [DomainIDSize]byte(append([]byte{1}, sequence(1, 15)...))

func TestFrozenSlot(t *testing.T) {
	t.Parallel()
	path := writeKey(t, hex.EncodeToString(sequence(0, 32))+"\n", 0o600)
	f, err := OpenFile(path)
	f = closed(t, f, err)
	sealed, err := hex.DecodeString(frozenSlot)
	if err != nil {
		t.Fatal(err)
	}
	slot := Slot{Provider: "file", Nonce: [NonceSize]byte(sequence(0x40, 16)), Sealed: sealed}
	var key [KeySize]byte
	if err := f.Unseal(&domainID, &slot, &key); err != nil || !bytes.Equal(key[:], sequence(0x20, 32)) {
		t.Fatalf("%x, %v", key, err)
	}
}

func TestCreateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "module.key")
	f, err := CreateFile(path)
	f = closed(t, f, err)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 65 || text[64] != '\n' {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if _, err := CreateFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key file: %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the first key file is another now (%v)", err)
	}
	slot, tokenKey := sealed(t, f)
	g, err := OpenFile(path)
	g = closed(t, g, err)
	var key [KeySize]byte
	if err := g.Unseal(&domainID, &slot, &key); err != nil || key != tokenKey {
		t.Errorf("the file's key is not the provider's (%v)", err)
	}
	if _, err := CreateFile(filepath.Join(t.TempDir(), "no", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that does not exist: %v", err)
	}
}

func sealed(t *testing.T, f *File) (Slot, [KeySize]byte) {
	t.Helper()
	tokenKey := [KeySize]byte(sequence(0x77, KeySize))
	slot, err := f.Seal(&domainID, &tokenKey)
	if err != nil {
		t.Fatal(err)
	}
	return slot, tokenKey
}

func TestOpenFileRefuses(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("0123456789abcdef", 4) + "\n"
	for name, path := range map[string]string{
		"mode 0640":        writeKey(t, good, 0o640),
		"mode 0604":        writeKey(t, good, 0o604),
		"mode 0400":        writeKey(t, good, 0o400),
		"mode 0700":        writeKey(t, good, 0o700),
		"set-user-id":      writeKey(t, good, 0o600|fs.ModeSetuid),
		"empty":            writeKey(t, "", 0o600),
		"no newline":       writeKey(t, good[:64], 0o600),
		"no newline, 65":   writeKey(t, good[:64]+"0", 0o600),
		"two newlines":     writeKey(t, good+"\n", 0o600),
		"upper case":       writeKey(t, strings.ToUpper(good), 0o600),
		"not hexadecimal":  writeKey(t, "g"+good[1:], 0o600),
		"short":            writeKey(t, good[2:], 0o600),
		"symbolic link":    symlink(t, writeKey(t, good, 0o600)),
		"folder":           t.TempDir(),
		"named pipe":       pipe(t),
		"character device": "/dev/zero",
	} {
		f, err := OpenFile(path)
		if !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
		if f != nil {
			t.Errorf("%s: opened", name)
		}
		if err != nil && strings.Contains(err.Error(), "89abcdef") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func symlink(t *testing.T, target string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOtherOwner(t *testing.T) {
	t.Parallel()
	f, err := os.Open(writeKey(t, strings.Repeat("0123456789abcdef", 4)+"\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := checkFile(f, os.Geteuid()); err != nil {
		t.Errorf("own file: %v", err)
	}
	if err := checkFile(f, os.Geteuid()+1); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("file of another user: %v", err)
	}
}

func TestSlotAltered(t *testing.T) {
	t.Parallel()
	f, err := CreateFile(filepath.Join(t.TempDir(), "key"))
	f = closed(t, f, err)
	slot, _ := sealed(t, f)
	for name, change := range map[string]func(s *Slot, id *[DomainIDSize]byte){
		"provider":  func(s *Slot, _ *[DomainIDSize]byte) { s.Provider = "passphrase" },
		"domain":    func(_ *Slot, id *[DomainIDSize]byte) { id[15] ^= 1 },
		"nonce":     func(s *Slot, _ *[DomainIDSize]byte) { s.Nonce[0] ^= 1 },
		"truncated": func(s *Slot, _ *[DomainIDSize]byte) { s.Sealed = s.Sealed[:len(s.Sealed)-1] },
		"extended":  func(s *Slot, _ *[DomainIDSize]byte) { s.Sealed = append(s.Sealed, 0) },
		"empty":     func(s *Slot, _ *[DomainIDSize]byte) { s.Sealed = nil },
	} {
		other, id := slot, domainID
		other.Sealed = bytes.Clone(slot.Sealed)
		change(&other, &id)
		var key [KeySize]byte
		if err := f.Unseal(&id, &other, &key); !errors.Is(err, ErrSealed) || key != [KeySize]byte{} {
			t.Errorf("%s: %v", name, err)
		}
	}
	for bit := range len(slot.Sealed) * 8 {
		other := slot
		other.Sealed = bytes.Clone(slot.Sealed)
		other.Sealed[bit/8] ^= 1 << (bit % 8)
		var key [KeySize]byte
		if err := f.Unseal(&domainID, &other, &key); !errors.Is(err, ErrSealed) || key != [KeySize]byte{} {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	f, err := CreateFile(filepath.Join(t.TempDir(), "key"))
	f = closed(t, f, err)
	slot, tokenKey := sealed(t, f)
	f.Erase()
	var key [KeySize]byte
	if err := f.Unseal(&domainID, &slot, &key); !errors.Is(err, slab.ErrErased) {
		t.Errorf("Unseal after Erase: %v", err)
	}
	if _, err := f.Seal(&domainID, &tokenKey); !errors.Is(err, slab.ErrErased) {
		t.Errorf("Seal after Erase: %v", err)
	}
}
