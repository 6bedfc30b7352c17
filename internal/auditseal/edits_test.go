package auditseal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An editor knows all formats, the public recovery key, and perhaps the private
// one too; he has kept what the sealed files were before. He has no key that signs.
type editor struct {
	*trail
	dir    string
	random *rand.Rand
	sealed []string // paths
	older  [][]byte // of the same names: that an earlier digest names
}

func (e *editor) some() int { return e.random.IntN(len(e.sealed)) }

func (e *editor) read(path string) []byte {
	e.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		e.Fatal(err)
	}
	return b
}

func (e *editor) put(path string, b []byte) {
	e.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		e.Fatal(err)
	}
}

func (e *editor) remove(path string) {
	e.Helper()
	if err := os.Remove(path); err != nil {
		e.Fatal(err)
	}
}

// swap has two files in each other's place.
func (e *editor) swap(a, b string) {
	e.Helper()
	was := e.read(a)
	e.put(a, e.read(b))
	e.put(b, was)
}

// name is the name that a path is sealed under.
func (e *editor) name(path string) string {
	e.Helper()
	relative, err := filepath.Rel(e.dir, path)
	if err != nil {
		e.Fatal(err)
	}
	return strings.TrimSuffix(filepath.ToSlash(relative), ".sealed") + ".log"
}

// opened is a sealed segment in the clear, one of whose records is another now.
func (e *editor) changed(path string) []byte {
	e.Helper()
	b, err := e.recovery.Open(e.name(path), e.read(path))
	if err != nil {
		e.Fatal(err)
	}
	const header, frame = 64, 8 + 64
	at := header
	for n := e.random.IntN(4); n > 0; n-- {
		if next := at + 8 + int(binary.BigEndian.Uint32(b[at:])); next < len(b) {
			at = next
		}
	}
	b[at+frame+20] ^= 1
	previous := [32]byte(b[at+8 : at+40])
	for ; at < len(b); at += 8 + int(binary.BigEndian.Uint32(b[at:])) { // all that follows, anew
		body := b[at+8 : at+8+int(binary.BigEndian.Uint32(b[at:]))]
		copy(body, previous[:])
		previous = sha256.Sum256(body)
		binary.BigEndian.PutUint32(b[at+4:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	}
	return b
}

// digests are the paths of the digests that name sealed segments.
func (e *editor) digests() (all []string) {
	e.Helper()
	files, err := filepath.Glob(filepath.Join(e.dir, hex.EncodeToString(node[:]), "digests", "*.digest"))
	if err != nil {
		e.Fatal(err)
	}
	for _, path := range files {
		if bytes.Contains(e.read(path), []byte(`"sealed":[`)) {
			all = append(all, path)
		}
	}
	return all
}

func (e *editor) someDigest() string { return e.digests()[e.random.IntN(len(e.digests()))] }

var edits = map[string]func(e *editor){
	"a bit of a sealed segment": func(e *editor) {
		path := e.sealed[e.some()]
		b := e.read(path)
		b[e.random.IntN(len(b))] ^= 1 << e.random.IntN(8)
		e.put(path, b)
	},
	"an end that is cut off": func(e *editor) {
		path := e.sealed[e.some()]
		b := e.read(path)
		e.put(path, b[:e.random.IntN(len(b))])
	},
	"something at the end": func(e *editor) {
		path := e.sealed[e.some()]
		e.put(path, append(e.read(path), byte(e.random.IntN(256))))
	},
	"two in each other's place": func(e *editor) {
		i := e.some()
		e.swap(e.sealed[i], e.sealed[(i+1)%len(e.sealed)])
	},
	"an older one put back": func(e *editor) {
		i := e.some()
		e.put(e.sealed[i], e.older[i])
	},
	"one that is missing":                 func(e *editor) { e.remove(e.sealed[e.some()]) },
	"all that are missing":                func(e *editor) { all(e, e.remove) },
	"a digest that names them is missing": func(e *editor) { e.remove(e.someDigest()) },
	"digests that name them in each other's place": func(e *editor) {
		d := e.digests()
		i := e.random.IntN(len(d))
		e.swap(d[i], d[(i+1)%len(d)])
	},
	"one sealed anew, with another record": func(e *editor) {
		path := e.sealed[e.some()]
		b, err := e.sealer.Writer.Seal(e.Context(), e.name(path), e.changed(path))
		if err != nil {
			e.Fatal(err)
		}
		e.put(path, b)
	},
	"one in the clear again, with another record": func(e *editor) {
		path := e.sealed[e.some()]
		e.put(strings.TrimSuffix(path, ".sealed")+".log", e.changed(path))
	},
	"a clear one in place of the sealed": func(e *editor) {
		path := e.sealed[e.some()]
		e.put(strings.TrimSuffix(path, ".sealed")+".log", e.changed(path))
		e.remove(path)
	},
	"one under another number": func(e *editor) {
		i := e.some()
		path := e.sealed[i]
		e.put(filepath.Join(filepath.Dir(path), "00009999.sealed"), e.read(path))
		e.remove(path)
	},
	"one more": func(e *editor) {
		path := e.sealed[e.some()]
		e.put(filepath.Join(filepath.Dir(path), "00009999.sealed"), e.read(path))
	},
	"another record, and a digest that says so": func(e *editor) {
		path := e.sealed[e.some()]
		b, err := e.sealer.Writer.Seal(e.Context(), e.name(path), e.changed(path))
		if err != nil {
			e.Fatal(err)
		}
		was, is := sha256.Sum256(e.read(path)), sha256.Sum256(b)
		e.put(path, b)
		for _, d := range e.digests() {
			e.put(d, e.signed(bytes.ReplaceAll(e.read(d), []byte(hex.EncodeToString(was[:])), []byte(hex.EncodeToString(is[:])))))
		}
	},
	"a digest that names one no more": func(e *editor) {
		d := e.someDigest()
		var statement map[string]any
		line, rest, _ := bytes.Cut(e.read(d), []byte("\n"))
		if err := json.Unmarshal(line, &statement); err != nil {
			e.Fatal(err)
		}
		i := bytes.Index(line, []byte(`,"sealed":[`))
		e.put(d, slices.Concat(line[:i], []byte("}\n"), rest))
	},
}

func all(e *editor, f func(string)) {
	for _, path := range e.sealed {
		f(path)
	}
}

// signed is a digest's file with signatures of a key of the editor's own.
func (e *editor) signed(file []byte) []byte {
	e.Helper()
	line, _, _ := bytes.Cut(file, []byte("\n"))
	s, err := newSigner(e).Sign(context.Background(), line)
	if err != nil {
		e.Fatal(err)
	}
	return slices.Concat(line, []byte("\n"+s[0].Algorithm+" "+s[0].KeyID+" "), []byte(base64.StdEncoding.EncodeToString(s[0].Bytes)), []byte("\n"))
}

// TestEditorsOfSealedTrailsAreFound: each of many random edits of sealed segments
// and of the digests that name them is found, with a key and without.
func TestEditorsOfSealedTrailsAreFound(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	w.write(60)
	// What was sealed first, and named by a digest, is damaged before the clear files
	// go, and sealed again: the first files are the older ones.
	w.sealer.at = func(step string) error {
		if step == "digest" {
			return errKey
		}
		return nil
	}
	if _, err := w.sealer.Seal(t.Context()); !errors.Is(err, errKey) {
		t.Fatal(err)
	}
	older := map[string][]byte{}
	for _, path := range w.files(w.dir, ".sealed") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		older[path] = b
	}
	for path := range older {
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.sealer.at = nil
	w.seal()
	w.write(60)
	w.seal()
	w.sound(w.dir)
	rounds, seed := 100, rand.Uint64()
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 1000
	}
	var names []string
	for name := range edits {
		names = append(names, name)
	}
	slices.Sort(names)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range rounds {
		name := names[i%len(names)]
		e := &editor{trail: w, dir: w.copied(), random: random}
		for _, path := range w.files(w.dir, ".sealed") {
			if b, ok := older[path]; ok || !strings.HasPrefix(name, "an older") {
				e.sealed, e.older = append(e.sealed, filepath.Join(e.dir, strings.TrimPrefix(path, w.dir))), append(e.older, b)
			}
		}
		edits[name](e)
		if w.verify(e.dir, nil).Sound() {
			t.Errorf("seed %d: %s is not found without a key", seed, name)
		}
		if w.verify(e.dir, w.recovery).Sound() {
			t.Errorf("seed %d: %s is not found with the key", seed, name)
		}
		if err := os.RemoveAll(e.dir); err != nil {
			t.Fatal(err)
		}
	}
}
