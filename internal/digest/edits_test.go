package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// edited is a trail in the hands of somebody who knows the format (this is a
// second implementation of docs/formats.md) and has no key.
type edited struct {
	files   []string // relative paths of segments
	headers [][]byte
	records []entry
}

type entry struct {
	file int // index into files
	json []byte
}

const frame = 8 + 64

func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, hex.EncodeToString(node[:]), "*", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	slices.Sort(files)
	return files
}

// read takes a trail apart.
func read(t *testing.T, dir string) *edited {
	t.Helper()
	e := &edited{}
	for i, file := range segments(t, dir) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		e.files, e.headers = append(e.files, relative), append(e.headers, b[:64])
		for b = b[64:]; len(b) > 0; {
			n := 8 + int(binary.BigEndian.Uint32(b))
			e.records = append(e.records, entry{i, bytes.Clone(b[frame:n])})
			b = b[n:]
		}
	}
	return e
}

// write puts it together again, with all numbers, hashes and checksums right.
func (e *edited) write(t *testing.T, dir string) {
	t.Helper()
	var previous [32]byte
	contents := make([][]byte, len(e.files))
	for i, h := range e.headers {
		contents[i] = bytes.Clone(h)
	}
	for i, r := range e.records {
		body := append(previous[:], node[:]...)
		body = binary.BigEndian.AppendUint32(body, 0)
		body = append(body, e.headers[r.file][32:36]...) // the low half of the segment's epoch
		body = binary.BigEndian.AppendUint64(body, uint64(i+1))
		body = append(body, r.json...)
		previous = sha256.Sum256(body)
		b := binary.BigEndian.AppendUint32(contents[r.file], uint32(len(body)))
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		contents[r.file] = append(b, body...)
	}
	for i, file := range e.files {
		if err := os.WriteFile(filepath.Join(dir, file), contents[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEditorsAreFound: each of many random edits of what the digests cover, by an
// editor who knows the format but has no key, is found; and what he did not
// touch is sound.
func TestEditorsAreFound(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	same := t.TempDir()
	copyTrail(t, tr.dir, same)
	read(t, same).write(t, same)
	if r := tr.verify(same, Options{}); !r.Sound() {
		t.Fatalf("an editor who changes nothing is found: %.300v", r.Findings)
	}
	const covered = 75 // of 78 records
	rounds, seed := 100, rand.Uint64()
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 1000
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		name := edits[random.IntN(len(edits))].name
		dir := t.TempDir()
		copyTrail(t, tr.dir, dir)
		for _, e := range edits {
			if e.name == name {
				e.do(t, dir, random, covered)
			}
		}
		if r := tr.verify(dir, Options{}); r.Sound() {
			t.Errorf("seed %d: %s is not found", seed, name)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

var edits = []struct {
	name string
	do   func(t *testing.T, dir string, random *rand.Rand, covered int)
}{
	{"a byte of a segment", func(t *testing.T, dir string, random *rand.Rand, covered int) {
		// The last segment has records that no digest covers.
		files := segments(t, dir)
		flip(t, files[random.IntN(len(files)-1)], random)
	}},
	{"a record that is changed", rewrite(func(e *edited, i int, random *rand.Rand) {
		json := e.records[i].json
		json[random.IntN(len(json))] ^= 1 << random.IntN(8)
	})},
	{"a record that is taken out", rewrite(func(e *edited, i int, _ *rand.Rand) { e.records = slices.Delete(e.records, i, i+1) })},
	{"a record that is put in", rewrite(func(e *edited, i int, _ *rand.Rand) {
		e.records = slices.Insert(e.records, i, entry{e.records[i].file, []byte(`{"eventName":"Invented"}`)})
	})},
	{"two records in each other's place", rewrite(func(e *edited, i int, _ *rand.Rand) {
		j := (i + 1) % 75
		e.records[i].json, e.records[j].json = e.records[j].json, e.records[i].json
	})},
	{"a record that is changed, and only its own checksum and hash", func(t *testing.T, dir string, random *rand.Rand, covered int) {
		files := segments(t, dir)
		file := files[random.IntN(len(files)-1)]
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		at := 64
		for n := random.IntN(5); n > 0 && at+8+int(binary.BigEndian.Uint32(b[at:])) < len(b); n-- {
			at += 8 + int(binary.BigEndian.Uint32(b[at:]))
		}
		body := b[at+8 : at+8+int(binary.BigEndian.Uint32(b[at:]))]
		body[64+random.IntN(len(body)-64)] ^= 1
		binary.BigEndian.PutUint32(b[at+4:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}},
	{"a segment that is missing", func(t *testing.T, dir string, random *rand.Rand, _ int) {
		files := segments(t, dir)
		if err := os.Remove(files[random.IntN(len(files)-1)]); err != nil {
			t.Fatal(err)
		}
	}},
	{"an end that is cut off", rewrite(func(e *edited, i int, _ *rand.Rand) { e.records = e.records[:i] })},
	{"a byte of a digest", func(t *testing.T, dir string, random *rand.Rand, _ int) { flip(t, someDigest(dir, random), random) }},
	{"a digest that is missing", func(t *testing.T, dir string, random *rand.Rand, _ int) {
		if err := os.Remove(filepath.Join(dir, hex.EncodeToString(node[:]), folderName, fileName(uint64(1+random.IntN(5))))); err != nil {
			t.Fatal(err)
		}
	}},
	{"a digest in another's place", func(t *testing.T, dir string, random *rand.Rand, _ int) {
		a := uint64(1 + random.IntN(5))
		folder := filepath.Join(dir, hex.EncodeToString(node[:]), folderName)
		if err := os.Rename(filepath.Join(folder, fileName(a)), filepath.Join(folder, fileName(a+1))); err != nil {
			t.Fatal(err)
		}
	}},
	{"a digest by another key", func(t *testing.T, dir string, random *rand.Rand, _ int) {
		path := someDigest(dir, random)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		d.Revision++
		statement, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		signatures, err := newSigner(t).Sign(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, encodeFile(statement, signatures), 0o600); err != nil {
			t.Fatal(err)
		}
	}},
}

func someDigest(dir string, random *rand.Rand) string {
	return filepath.Join(dir, hex.EncodeToString(node[:]), folderName, fileName(uint64(1+random.IntN(6))))
}

// rewrite is an edit of a record that a digest covers, after which everything is
// written anew.
func rewrite(edit func(e *edited, i int, random *rand.Rand)) func(*testing.T, string, *rand.Rand, int) {
	return func(t *testing.T, dir string, random *rand.Rand, covered int) {
		e := read(t, dir)
		edit(e, random.IntN(covered), random)
		e.write(t, dir)
	}
}

func flip(t *testing.T, path string, random *rand.Rand) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[random.IntN(len(b))] ^= 1 << random.IntN(8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyTrail(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(fmt.Errorf("copy: %w", err))
	}
}
