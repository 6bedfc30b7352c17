package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// appendTogether appends the records in one write and waits until it is settled.
func appendTogether(t testing.TB, trail *Trail, records ...string) {
	t.Helper()
	raw := make([][]byte, len(records))
	for i, r := range records {
		raw[i] = []byte(r)
	}
	b, err := trail.enqueuePinned(raw)
	if err != nil {
		t.Fatal(err)
	}
	<-b.settled
	trail.unpin(b)
	if b.written != nil {
		t.Fatal(b.written)
	}
}

// groups is a trail of two synced writes of several records each: its one
// segment, and where the second write begins.
func groups(t testing.TB) (m *memFS, records []string, second int) {
	t.Helper()
	m = newMemFS()
	trail := openMem(t, m, Strict)
	records = append(numbered("first", 20), numbered("second", 30)...)
	appendTogether(t, trail, records[:20]...)
	second = int(trail.w.size)
	appendTogether(t, trail, records[20:]...)
	mustClose(t, trail)
	return m, records, second
}

// wholeRecords returns how many records at the start of content are as in whole.
func wholeRecords(whole, content []byte) (n int) {
	for at := headerBytes; at < len(whole); n++ {
		end := at + frameLen(whole[at:])
		if end > len(content) || !bytes.Equal(whole[at:end], content[at:end]) {
			break
		}
		at = end
	}
	return n
}

// Of a write that was not acknowledged any sectors may be on the disk, and the
// file may end anywhere or in zeros: Open keeps the records before the first
// that is not whole, which all writes before are among, and cuts the rest.
func TestAnySectorsOfTheLastWriteMayBeMissing(t *testing.T) {
	t.Parallel()
	m, records, second := groups(t)
	path := segmentPath(1, 1)
	whole := m.content(path)
	firstSector, sectors := second/sectorBytes, (len(whole)+sectorBytes-1)/sectorBytes-second/sectorBytes
	holes := 0 // that are followed by a whole record
	for missing := range 1 << sectors {
		content := append(bytes.Clone(whole), make([]byte, 700)...)
		for i := range sectors {
			if missing&(1<<i) != 0 {
				start := (firstSector + i) * sectorBytes
				clear(content[max(start, second):min(start+sectorBytes, len(content))])
			}
		}
		kept := wholeRecords(whole, content)
		if n := bytes.Count(content, []byte(`{"`)); kept < 20 || n < kept {
			t.Fatalf("%d records kept, %d there", kept, n)
		} else if n > kept+1 {
			holes++
		}
		for _, length := range []int{len(content), len(whole), len(whole) - 200} {
			checkCut(t, path, content[:length], records[:wholeRecords(whole, content[:length])])
		}
	}
	if holes < 1<<sectors/4 {
		t.Errorf("only %d of %d states have a hole", holes, 1<<sectors)
	}
}

// checkCut opens a trail of that one segment, and wants those records in it.
func checkCut(t *testing.T, path string, content []byte, want []string) {
	t.Helper()
	m := newMemFS()
	m.put(path, content)
	got, err := tryReadAll(m)
	if err != nil && !errors.Is(err, ErrTorn) {
		t.Fatalf("read: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("read: %s", diff)
	}
	trail := openMem(t, m, Strict)
	cut := trail.Stats().CutBytes
	if err == nil != (cut == 0) {
		t.Fatalf("read: %v, cut %d bytes", err, cut)
	}
	mustAppend(t, trail, `{"after":1}`)
	mustClose(t, trail)
	if diff := cmp.Diff(append(want[:len(want):len(want)], `{"after":1}`), readAll(t, m.losePower())); diff != "" {
		t.Fatal(diff)
	}
}

// What was synced before the last write is never cut: a sector that is missing
// there, or any byte that is wrong there, is damage. In the last write a wrong
// byte is damage too, unless it is in the very last record.
func TestDamageIsNotTakenForATornWrite(t *testing.T) {
	t.Parallel()
	m, records, second := groups(t)
	path := segmentPath(1, 1)
	whole := m.content(path)
	refused := func(what string, content []byte) {
		m := newMemFS()
		m.put(path, content)
		if _, err := tryReadAll(m); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%s: read: %v, want ErrDamaged", what, err)
		}
		if _, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Strict, fs: m}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%s: open: %v, want ErrDamaged", what, err)
		}
		if !bytes.Equal(m.content(path), content) {
			t.Fatalf("%s: refused and changed", what)
		}
	}
	step := 7
	if soak() {
		step = 1
	}
	for _, zeros := range []int{0, 1000} {
		for start := 0; start < second; start += sectorBytes {
			content := append(bytes.Clone(whole), make([]byte, zeros)...)
			clear(content[start:min(start+sectorBytes, second)])
			refused(fmt.Sprintf("sector at %d missing", start), content)
		}
		last := len(whole) - frameBytes - len(records[len(records)-1])
		for at := headerBytes; at < last; at += step {
			content := append(bytes.Clone(whole), make([]byte, zeros)...)
			content[at] ^= 0x10
			if part := at % sectorBytes; part > sectorBytes-4 && at >= second {
				continue // the end of a sector may look as if it were missing
			}
			refused(fmt.Sprintf("byte %d wrong", at), content)
		}
	}
}

func TestZerosStandInTheNewestSegmentAlone(t *testing.T) {
	t.Parallel()
	whole := smallTrail(t)
	all := readAll(t, whole)
	paths := whole.segments()
	for i, path := range paths {
		for _, n := range []int{1, 3, 7, 8, 1000} {
			m := whole.kill()
			m.put(path, append(m.content(path), make([]byte, n)...))
			got, err := tryReadAll(m)
			if i < len(paths)-1 {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%d zeros in %s: %v, want ErrDamaged", n, path, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%d zeros in the newest segment: %v", n, err)
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("%d zeros: %s", n, diff)
			}
		}
	}
	// Open too looks at an earlier one if the newest has no record.
	m := whole.kill()
	m.put(paths[len(paths)-1], append(m.content(paths[len(paths)-1]), 0))
	m.put(segmentPath(3, 1), segmentID{node: testNode, epoch: 3, number: 1}.header())
	if _, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Strict, fs: m}); !errors.Is(err, ErrDamaged) {
		t.Errorf("open: %v, want ErrDamaged", err)
	}
}

// While a trail is open with Strict, zeros stand ahead of its records, so that
// the file need not grow with each; never beyond the segment's end.
func TestZerosAreWrittenAheadWithStrictAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		m := newMemFS()
		m.zeroBytes = 1 << 30
		trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes = 2 * fillBytes })
		appendTogether(t, trail, `{"n":0}`)
		first := len(m.content(segmentPath(1, 1)))
		large := `{"n":"` + strings.Repeat("x", fillBytes-500) + `"}`
		appendTogether(t, trail, large)
		second := len(m.content(segmentPath(1, 1)))
		appendTogether(t, trail, large[500:])
		third := len(m.content(segmentPath(1, 1)))
		if ahead := first - headerBytes - frameBytes - len(`{"n":0}`); mode == Strict {
			if ahead != fillBytes || second != first || third != 2*fillBytes {
				t.Errorf("%d bytes ahead, then %d, then %d bytes long", ahead, second, third)
			}
		} else if ahead != 0 {
			t.Errorf("%v: %d bytes ahead", mode, ahead)
		}
		mustClose(t, trail)
		if got := m.losePower().content(segmentPath(1, 1)); got[len(got)-1] == 0 {
			t.Errorf("%v: zeros are left after Close", mode)
		}
	}
}

// A record's place says where its write began, and is verified.
func TestWrongPlaceIsFound(t *testing.T) {
	t.Parallel()
	m, records, _ := groups(t)
	path := segmentPath(1, 1)
	content := m.content(path)
	last := content[len(content)-frameBytes-len(records[len(records)-1]):]
	place := last[prefixBytes+48:]
	if got := int(binary.BigEndian.Uint32(place)); got != 29*len(last)-10 {
		t.Fatalf("place %d", got)
	}
	place[3]++
	binary.BigEndian.PutUint32(last[lengthBytes:], crc32c(last[prefixBytes:]))
	m.put(path, content)
	if _, err := tryReadAll(m); !errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v, want ErrDamaged", err)
	}
}

// After a write that failed nothing of it can turn up, whatever is lost.
func TestWhatAFailedWriteLeftIsCutDurably(t *testing.T) {
	t.Parallel()
	m, disk := newMemFS(), &fullDisk{}
	m.onWrite = disk.write
	trail := openMem(t, m, Strict)
	mustAppend(t, trail, `{"n":0}`)
	disk.set(true, frameBytes+5)
	if err := trail.Append(t.Context(), []byte(`{"n":1}`)); !errors.Is(err, ErrFailed) {
		t.Fatalf("append: %v", err)
	}
	path := segmentPath(1, 1)
	want := headerBytes + frameBytes + len(`{"n":0}`)
	if now, durable := m.content(path), m.losePower().content(path); len(now) != want || !bytes.Equal(now, durable) {
		t.Errorf("%d bytes, %d of them durable, want %d", len(now), len(durable), want)
	}
	mustClose(t, trail)
}
