package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxLine bounds a line: KMS's blobs have up to 6,144 bytes.
const maxLine = 64 << 10

// digestOf stands for a text in a set of millions.
type digestOf [sha256.Size / 2]byte

func digestOfID(id string) digestOf {
	sum := sha256.Sum256([]byte(id))
	return digestOf(sum[:len(digestOf{})])
}

// blobs is a file of blobs as it was when it was opened.
type blobs struct {
	file  *os.File
	size  int64
	lines int // that are not empty
	hash  [sha256.Size]byte
}

// openBlobs reads a file once: each line needs an ID of its own, or a line that is
// done could not be told from another.
func openBlobs(name string) (b *blobs, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file, which --in must be to be read twice", name)
	}
	b = &blobs{file: f, size: info.Size()}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, b.size)); err != nil {
		return nil, err
	}
	h.Sum(b.hash[:0])
	seen := map[digestOf]struct{}{}
	return b, b.each(func(id string, _ []byte) error {
		if _, again := seen[digestOfID(id)]; again {
			return fmt.Errorf("%s: two lines have the ID %q", name, id)
		}
		seen[digestOfID(id)] = struct{}{}
		b.lines++
		return nil
	})
}

// each gives each line to do.
func (b *blobs) each(do func(id string, blob []byte) error) error {
	s := bufio.NewScanner(io.NewSectionReader(b.file, 0, b.size))
	s.Buffer(nil, maxLine)
	number := 0
	for s.Scan() {
		number++
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		id, blob := strconv.Itoa(number), s.Bytes()
		if before, after, ok := bytes.Cut(blob, []byte{'\t'}); ok {
			id, blob = string(before), after
		}
		if id == "" {
			return fmt.Errorf("%s, line %d: the ID is empty", b.file.Name(), number)
		}
		if err := do(id, bytes.Clone(bytes.TrimSpace(blob))); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s, line %d: %w", b.file.Name(), number+1, err)
	}
	return nil
}

// work is the name of what is to be done with the blobs: a hash of all that decides
// it.
func (b *blobs) work(region, key string, source, destination map[string]string) string {
	text, err := json.Marshal([]any{b.hash[:], region, key, source, destination}) // maps in their names' order
	if err != nil {
		panic(err) // strings
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func decodeBlob(text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, errors.New("no blob")
	}
	return base64.StdEncoding.Strict().AppendDecode(nil, text)
}

// reencrypted is the file of new blobs, and that of errors beside it.
type reencrypted struct {
	name         string
	file, errors *os.File
	w, errorsW   *bufio.Writer
	done         map[digestOf]struct{}
	unsynced     int
}

// syncLines is how many lines a crash may cost, which the next run does again.
const syncLines = 100

func (o *reencrypted) errorsName() string { return o.name + ".errors" }

// openReencrypted makes the file, or reads what is done by the same work. What
// failed is tried again, so the errors begin anew.
func openReencrypted(name, work string) (o *reencrypted, err error) {
	state, err := os.ReadFile(name + ".run")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(name); err == nil {
			return nil, alreadyThere(name, "trent reencrypt", fs.ErrExist)
		}
		if err := writeNew(name+".run", 0o600, []byte(work+"\n")); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case string(state) != work+"\n":
		return nil, fmt.Errorf("%s is of other blobs, or of another key, Region or context: name another --out", name)
	}
	const flags = os.O_CREATE | os.O_RDWR | os.O_APPEND | syscall.O_NOFOLLOW
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	o = &reencrypted{name: name, file: f, w: bufio.NewWriter(f)}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s: another trent reencrypt writes it: %w", name, err)
	}
	var whole int64
	if o.done, whole, err = readDone(f); err != nil {
		return nil, fmt.Errorf("%s, %w", name, err)
	}
	if err := f.Truncate(whole); err != nil {
		return nil, err
	}
	if o.errors, err = os.OpenFile(o.errorsName(), flags, 0o600); err != nil {
		return nil, err
	}
	o.errorsW = bufio.NewWriter(o.errors)
	return o, errors.Join(o.errors.Truncate(0), syncFolder(filepath.Dir(name)))
}

// readDone reads which lines are done, and up to where lines are whole: a crash may
// leave the last one torn.
func readDone(r io.Reader) (done map[digestOf]struct{}, whole int64, err error) {
	done = map[digestOf]struct{}{}
	b := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		line, err := b.ReadSlice('\n')
		if err == io.EOF {
			return done, whole, nil
		}
		id, blob, _ := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\t'})
		if err != nil || len(id) == 0 {
			return nil, 0, fmt.Errorf("line %d is none of trent reencrypt", number)
		}
		if _, err := decodeBlob(blob); err != nil {
			return nil, 0, fmt.Errorf("line %d is none of trent reencrypt", number)
		}
		done[digestOfID(string(id))] = struct{}{}
		whole += int64(len(line))
	}
}

// has is only for what was done before: the file of blobs has each ID once.
func (o *reencrypted) has(id string) bool { _, ok := o.done[digestOfID(id)]; return ok }

func (o *reencrypted) add(id string, blob []byte) error {
	_, err := o.w.WriteString(id + "\t" + base64.StdEncoding.EncodeToString(blob) + "\n")
	return errors.Join(err, o.written())
}

func (o *reencrypted) fail(id string, e *kmsError) error {
	_, err := o.errorsW.WriteString(id + "\t" + clean(e.Code) + "\t" + clean(e.Message) + "\n")
	return errors.Join(err, o.written())
}

// written puts lines on the disk from time to time.
func (o *reencrypted) written() error {
	if o.unsynced++; o.unsynced < syncLines {
		return nil
	}
	return o.sync()
}

func (o *reencrypted) sync() error {
	o.unsynced = 0
	return errors.Join(o.w.Flush(), o.errorsW.Flush(), o.file.Sync(), o.errors.Sync())
}

func (o *reencrypted) close() error {
	return errors.Join(o.sync(), o.file.Close(), o.errors.Close())
}
