package export

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"trent/internal/audit"
)

// cursorMagic is a cursor file's first line.
const cursorMagic = "trent-audit-export 1"

// maxCursorBytes is far more than a cursor has.
const maxCursorBytes = 256 << 20

// errCursor: a cursor file is damaged.
var errCursor = errors.New("export: the cursor is damaged")

// position is a place between two records of a trail.
type position struct {
	node           [16]byte
	epoch, segment uint64 // where the next record is looked for first
	offset         int64
	sequence       uint64   // of the record before; 0: none
	hash           [32]byte // of that record
}

// cursor is what an export remembers.
type cursor struct {
	at    position // behind the last record that was delivered
	until uint64   // the last record of the batch that is being delivered; 0: none is

	chains []chain   // of CloudTrail digest files, the last of each account and Region
	files  []logFile // delivered, and in no digest file yet
}

// chain is the last digest file of an account and Region.
type chain struct {
	account, region, object, hash, signature string
	end                                      time.Time
}

// logFile is a file of records that was delivered.
type logFile struct {
	account, region, object, hash string
	oldest, newest, delivered     time.Time
}

const absent = "-" // stands for an empty word

// encode is the cursor's file: words, a line for each thing, and a checksum.
func (c *cursor) encode() []byte {
	b := []byte(cursorMagic + "\n")
	b = fmt.Appendf(b, "at %x %d %d %d %d %x\n", c.at.node, c.at.epoch, c.at.segment, c.at.offset, c.at.sequence, c.at.hash)
	b = fmt.Appendf(b, "until %d\n", c.until)
	for _, d := range c.chains {
		b = fmt.Appendf(b, "digest %s %s %d %s %s %s\n", d.account, d.region, d.end.Unix(), d.object, d.hash, orAbsent(d.signature))
	}
	for _, f := range c.files {
		b = fmt.Appendf(b, "file %s %s %d %d %d %s %s\n", f.account, f.region, f.oldest.Unix(), f.newest.Unix(), f.delivered.Unix(), f.object, f.hash)
	}
	return fmt.Appendf(b, "crc32c %08x\n", crc32c(b))
}

func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func orAbsent(word string) string {
	if word == "" {
		return absent
	}
	return word
}

// parseCursor reads what encode writes, and nothing else.
func parseCursor(b []byte) (*cursor, error) {
	text := string(b)
	lines := strings.Split(text, "\n")
	if len(lines) < 5 || lines[0] != cursorMagic {
		return nil, errCursor
	}
	c := &cursor{}
	for _, line := range lines[1 : len(lines)-2] {
		if !c.parseLine(strings.Split(line, " ")) {
			return nil, errCursor
		}
	}
	if string(c.encode()) != text {
		return nil, errCursor
	}
	return c, nil
}

func (c *cursor) parseLine(words []string) bool {
	ok := true
	number := func(i int) (n uint64) {
		n, err := strconv.ParseUint(words[i], 10, 63)
		ok = ok && err == nil
		return n
	}
	at := func(i int) time.Time { return time.Unix(int64(number(i)), 0).UTC() }
	bytes := func(i int, dst []byte) {
		b, err := hex.DecodeString(words[i])
		ok = ok && err == nil && len(b) == len(dst)
		copy(dst, b)
	}
	switch {
	case words[0] == "at" && len(words) == 7:
		bytes(1, c.at.node[:])
		bytes(6, c.at.hash[:])
		c.at.epoch, c.at.segment, c.at.offset, c.at.sequence = number(2), number(3), int64(number(4)), number(5)
	case words[0] == "until" && len(words) == 2:
		c.until = number(1)
	case words[0] == "digest" && len(words) == 7:
		c.chains = append(c.chains, chain{account: words[1], region: words[2], end: at(3), object: words[4], hash: words[5], signature: strings.TrimPrefix(words[6], absent)})
	case words[0] == "file" && len(words) == 8:
		c.files = append(c.files, logFile{account: words[1], region: words[2], oldest: at(3), newest: at(4), delivered: at(5), object: words[6], hash: words[7]})
	default:
		return false
	}
	return ok
}

// readCursor reads a cursor's file; fs.ErrNotExist: there is none, errCursor: it
// is damaged.
func readCursor(path string) (*cursor, error) {
	b, err := audit.ReadRegular(path, maxCursorBytes)
	if errors.Is(err, audit.ErrNotRegular) {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	if err != nil {
		return nil, err
	}
	return parseCursor(b)
}

// write makes the cursor durable.
func (c *cursor) write(path string) error {
	return writeFile(path, c.encode(), 0o600)
}

// writeFile makes a file that is whole and durable under its name, or as it was.
// Its folder is there.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeFolders makes a folder and those above it, whose names are then durable.
func makeFolders(path string, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeFolders(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}
