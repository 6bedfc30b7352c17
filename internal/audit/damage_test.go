package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallTrail returns a trail of two epochs with several segments each.
func smallTrail(t testing.TB) *memFS {
	t.Helper()
	m := newMemFS()
	for epoch := range 2 {
		trail := openMem(t, m, Strict, func(o *Options) { o.SegmentBytes = 350 })
		mustAppend(t, trail, numbered(fmt.Sprint("epoch", epoch), 6)...)
		mustClose(t, trail)
	}
	return m
}

func TestTornTailOfEveryLengthIsCut(t *testing.T) {
	t.Parallel()
	whole := smallTrail(t)
	all := readAll(t, whole)
	paths := whole.segments()
	last := paths[len(paths)-1]
	content := whole.content(last)
	record := frameBytes + len(all[len(all)-1])
	inLast := (len(content) - headerBytes) / record
	garbage := map[string][]byte{
		"cut": nil, "zeros": make([]byte, 200), "ones": bytes.Repeat([]byte{0xff}, 100),
		"short zeros": make([]byte, 3), "long length": {0, 0, 1, 0, 1, 2, 3, 4, 5},
	}
	for kind, tail := range garbage {
		for n := range len(content) + 1 {
			if n < headerBytes && kind != "cut" {
				continue // a header that is not whole is followed by nothing
			}
			m := whole.kill()
			m.put(last, append(bytes.Clone(content[:n]), tail...))
			kept := max(0, (n-headerBytes)/record)
			want := append(slices.Clone(all[:len(all)-inLast+kept]), `{"after":1}`)
			trail := openMem(t, m, Strict)
			mustAppend(t, trail, `{"after":1}`)
			mustClose(t, trail)
			if diff := cmp.Diff(want, readAll(t, m.losePower())); diff != "" {
				t.Fatalf("%s after %d of %d bytes: %s", kind, n, len(content), diff)
			}
		}
	}
}

// A changed byte is found wherever it stands: the reader reports it, and Open
// reports it too or, where it cannot be told from what a crash leaves, in the
// very last record, cuts exactly that.
func TestEveryChangedByteIsFound(t *testing.T) {
	t.Parallel()
	whole := smallTrail(t)
	all := readAll(t, whole)
	paths := whole.segments()
	flips := []byte{0xff}
	if soak() {
		flips = []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}
	}
	for i, path := range paths {
		content := whole.content(path)
		newest := i == len(paths)-1
		lastRecord := len(content) - frameBytes - len(all[len(all)-1])
		for at := range content {
			for _, flip := range flips {
				m := whole.kill()
				changed := bytes.Clone(content)
				changed[at] ^= flip
				m.put(path, changed)
				got, err := tryReadAll(m)
				inLast := newest && at >= lastRecord
				switch {
				case !errors.Is(err, ErrDamaged) && !(inLast && errors.Is(err, ErrTorn)):
					t.Fatalf("byte %d of %s: read: %v", at, path, err)
				case !slices.Equal(got, all[:len(got)]) || len(got) == len(all):
					t.Fatalf("byte %d of %s: read %d records before the error", at, path, len(got))
				}
				if newest {
					checkOpenOfChanged(t, m, at, inLast, all)
				}
			}
		}
	}
}

func checkOpenOfChanged(t *testing.T, m *memFS, at int, inLast bool, all []string) {
	t.Helper()
	trail, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Strict, fs: m})
	if !inLast {
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d of the newest segment: open: %v, want ErrDamaged", at, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("byte %d, in the last record: open: %v", at, err)
	}
	mustClose(t, trail)
	if diff := cmp.Diff(all[:len(all)-1], readAll(t, m)); diff != "" {
		t.Fatalf("byte %d, in the last record: %s", at, diff)
	}
}

// The chain holds records in their places: whole records and segments that
// were taken out, doubled, swapped or brought from elsewhere are found.
func TestRearrangedTrailIsFound(t *testing.T) {
	t.Parallel()
	whole := smallTrail(t)
	paths := whole.segments()
	record := frameBytes + len(`{"epoch0":0}`)
	first, second, last := paths[0], paths[1], paths[len(paths)-1]
	edit := func(path string, f func(c []byte) []byte) func(*memFS) {
		return func(m *memFS) { m.put(path, f(m.content(path))) }
	}
	for name, change := range map[string]func(*memFS){
		"record taken out": edit(first, func(c []byte) []byte {
			return slices.Delete(c, headerBytes+record, headerBytes+2*record)
		}),
		"last record of a segment taken out": edit(first, func(c []byte) []byte { return c[:len(c)-record] }),
		"record doubled": edit(first, func(c []byte) []byte {
			return append(c, c[len(c)-record:]...)
		}),
		"records swapped": edit(first, func(c []byte) []byte {
			one := bytes.Clone(c[headerBytes : headerBytes+record])
			copy(c[headerBytes:], c[headerBytes+record:headerBytes+2*record])
			copy(c[headerBytes+record:], one)
			return c
		}),
		"record rewritten with its checksum": edit(first, func(c []byte) []byte {
			r := c[headerBytes : headerBytes+record]
			r[record-2] ^= 1
			binary.BigEndian.PutUint32(r[4:], crc32c(r[prefixBytes:]))
			return c
		}),
		"last record of a segment rewritten with its checksum": edit(first, func(c []byte) []byte {
			r := c[len(c)-record:]
			r[record-2] ^= 1
			binary.BigEndian.PutUint32(r[4:], crc32c(r[prefixBytes:]))
			return c
		}),
		"segment removed":  func(m *memFS) { delete(m.entries, second) },
		"segment emptied":  edit(second, func(c []byte) []byte { return c[:headerBytes] }),
		"segment torn":     edit(second, func(c []byte) []byte { return c[:len(c)-1] }),
		"segments swapped": func(m *memFS) { a, b := m.content(first), m.content(second); m.put(first, b); m.put(second, a) },
		"epoch renamed":    func(m *memFS) { m.put(segmentPath(7, 1), m.content(last)) },
		"header cut":       edit(second, func(c []byte) []byte { return c[:30] }),
	} {
		m := whole.kill()
		change(m)
		if _, err := tryReadAll(m); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: read: %v, want ErrDamaged", name, err)
		}
	}
}

// Old segments may be moved away; what is left verifies, from its first
// record on.
func TestTrailMayBeginLater(t *testing.T) {
	t.Parallel()
	m := smallTrail(t)
	all := readAll(t, m)
	removed := m.segments()[0]
	n := strings.Count(string(m.content(removed)), `{"epoch`)
	delete(m.entries, removed)
	if diff := cmp.Diff(all[n:], readAll(t, m)); diff != "" {
		t.Error(diff)
	}
}

// A segment that is torn but is not the newest was not torn by a crash.
func TestTornSegmentOfAnEarlierEpochIsNotCut(t *testing.T) {
	t.Parallel()
	m := smallTrail(t)
	paths := m.segments()
	last := paths[len(paths)-1]
	content := m.content(last)
	m.put(last, content[:len(content)-1])
	if err := m.mkdir(testNodeDir + "/" + epochName(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Strict, fs: m}); err == nil {
		t.Error("open: accepted")
	}
	if got := m.content(last); len(got) != len(content)-1 {
		t.Errorf("the segment was changed: %d bytes", len(got))
	}
}

func TestForeignNamesArePassedOver(t *testing.T) {
	t.Parallel()
	m := smallTrail(t)
	all := readAll(t, m)
	m.put(testDir+"/README", []byte("x"))
	m.put(testDir+"/abcd/00000001/00000001.log", []byte("x"))
	m.put(testNodeDir+"/digests/00000001.log", []byte("x"))
	m.put(testNodeDir+"/00000002/00000001.digest", []byte("x"))
	m.put(testNodeDir+"/00000002/1.log", []byte("x"))
	if diff := cmp.Diff(all, readAll(t, m)); diff != "" {
		t.Error(diff)
	}
	mustClose(t, openMem(t, m, Strict))
}

// FuzzOpen puts any bytes in place of the newest segment: Open refuses them,
// or leaves a trail that verifies and can be appended to.
func FuzzOpen(f *testing.F) {
	whole := smallTrail(f)
	paths := whole.segments()
	last := paths[len(paths)-1]
	content := whole.content(last)
	f.Add(content)
	f.Add(content[:len(content)-1])
	f.Add(content[:headerBytes])
	f.Add(content[:10])
	f.Add([]byte{})
	f.Add(append(bytes.Clone(content), content[headerBytes:]...))
	f.Add(append(bytes.Clone(content[:headerBytes+20]), content[headerBytes:]...))
	f.Add(append(bytes.Clone(content), 0, 0, 0, 80, 1, 2, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMemFS()
		m.put(last, data)
		trail, err := Open(context.Background(), testDir, Options{Node: testNode, Mode: Strict, fs: m})
		if err != nil {
			if got := m.content(last); !bytes.Equal(got, data) {
				t.Fatal("the segment was refused and changed")
			}
			return
		}
		before := readAll(t, m)
		mustAppend(t, trail, `{"after":1}`)
		mustClose(t, trail)
		after := readAll(t, m.losePower())
		if diff := cmp.Diff(append(before, `{"after":1}`), after); diff != "" {
			t.Fatal(diff)
		}
		for _, r := range before {
			if !bytes.Contains(data, []byte(r)) {
				t.Fatalf("record %q was not there", r)
			}
		}
	})
}
