package auditindex

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"trent/internal/audit"
)

// indexFiles are the index files, at least so many.
func indexFiles(t *testing.T, x *Index, least int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(x.Folder, "*", "*", "*.idx"))
	if err != nil || len(files) < least {
		t.Fatalf("%d index files, %v", len(files), err)
	}
	return files
}

func change(t *testing.T, file string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damages are what befalls index files.
var damages = []func(t *testing.T, file, other string){
	func(t *testing.T, file, _ string) {
		change(t, file, func(b []byte) []byte { clear(b[fixedBytes:]); return b })
	},
	func(t *testing.T, file, _ string) {
		change(t, file, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	},
	func(t *testing.T, file, _ string) { // its times
		change(t, file, func(b []byte) []byte { clear(b[namedBytes : namedBytes+16]); return b })
	},
	func(t *testing.T, file, _ string) {
		change(t, file, func(b []byte) []byte { return b[:50] })
	},
	func(t *testing.T, file, _ string) {
		change(t, file, func(b []byte) []byte { return append(b, 0) })
	},
	func(t *testing.T, file, _ string) { // huge
		if err := os.Truncate(file, 1<<40); err != nil {
			t.Fatal(err)
		}
	},
	func(t *testing.T, file, other string) { // another segment's
		change(t, file, func([]byte) []byte {
			b, err := os.ReadFile(other)
			if err != nil {
				t.Fatal(err)
			}
			return b
		})
	},
	func(t *testing.T, file, _ string) { replace(t, file, nil) },
	func(t *testing.T, file, _ string) { replace(t, file, syscall.Mkfifo(file+"x", 0o600)) },
	func(t *testing.T, file, _ string) { replace(t, file, os.Symlink("/dev/zero", file+"x")) },
	func(t *testing.T, file, _ string) { replace(t, file, os.Mkdir(file+"x", 0o700)) },
	func(t *testing.T, file, other string) { replace(t, file, os.Symlink(other, file+"x")) },
	func(t *testing.T, file, _ string) { // it is elsewhere
		replace(t, file, errors.Join(os.Link(file, file+".moved"), os.Symlink(file+".moved", file+"x")))
	},
	func(t *testing.T, file, _ string) { // where a new one is written
		replace(t, file, os.Symlink("/dev/full", file+".new"))
	},
}

// replace puts what was made beside a file, if anything, in its place.
func replace(t *testing.T, file string, made error) {
	t.Helper()
	err := errors.Join(made, os.Remove(file))
	if _, missing := os.Lstat(file + "x"); missing == nil {
		err = errors.Join(err, os.Rename(file+"x", file))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damage has each damage befall a file.
func damage(t *testing.T, x *Index) {
	t.Helper()
	files := indexFiles(t, x, len(damages)+1)
	for i, harm := range damages {
		harm(t, files[i], files[len(files)-1])
	}
}

// TestUpdateRepairs: what is damaged is made again, as it was, when a query or a
// start has found it.
func TestUpdateRepairs(t *testing.T) {
	t.Parallel()
	x := trail(t, 240, 4000)
	if err := x.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := indexFiles(t, x, len(damages)+1)
	content := func(i int) []byte {
		b, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var before [][]byte
	for i := range files {
		before = append(before, content(i))
	}
	damage(t, x)
	for len(x.Wake) > 0 {
		<-x.Wake
	}
	pages(t, x, Query{Terms: []Term{{Operation, "Encrypt"}}, Limit: 10})
	if len(x.Wake) != 1 {
		t.Error("a query over damaged files has nobody look at them")
	}
	for i := range files { // a folder with that name stays: somebody's own
		if info, err := os.Lstat(files[i]); err == nil && info.IsDir() {
			if err := os.Remove(files[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	x = &Index{Trail: x.Trail, Folder: x.Folder}
	if err := x.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if info, err := os.Lstat(files[i]); err != nil || !info.Mode().IsRegular() || !bytes.Equal(content(i), before[i]) {
			t.Errorf("%s is not made again", files[i])
		}
	}
}

// resealed makes all checksums of an index file right, and returns where its parts
// are. Lists that are no more than bytes have none.
func resealed(b []byte) *index {
	x := &index{records: binary.BigEndian.Uint32(b[namedBytes+16:]), terms: binary.BigEndian.Uint32(b[namedBytes+20:]), listBytes: binary.BigEndian.Uint32(b[namedBytes+24:])}
	seal := func(from, to int64) { binary.BigEndian.PutUint32(b[to:], crc32c(0, b[from:to])) }
	at := int64(fixedBytes) + blocks(x.terms, termsInBlock)*hashBytes
	seal(0, at)
	section := func(n, each uint32, bytes int64) int64 {
		from := at + sumBytes
		for left := int64(n); left > 0; left -= int64(each) {
			at += sumBytes + min(left, int64(each))*bytes
			seal(at-min(left, int64(each))*bytes, at)
		}
		return from
	}
	x.placesAt = section(x.records, placesInBlock, placeBytes)
	x.termsAt = section(x.terms, termsInBlock, termBytes)
	x.listsAt = at + sumBytes
	for at, end := x.listsAt, x.listsAt+int64(x.listBytes); end-at >= listBytes+sumBytes; {
		n := int64(binary.BigEndian.Uint32(b[at+4:]))
		if n > end-at-listBytes-sumBytes {
			break
		}
		seal(at, at+listBytes+n)
		at += listBytes + n + sumBytes
	}
	seal(0, int64(len(b)-sumBytes))
	return x
}

// resealable reports whether the parts that a file says it has are in it.
func resealable(b []byte) bool {
	x := index{records: binary.BigEndian.Uint32(b[namedBytes+16:]), terms: binary.BigEndian.Uint32(b[namedBytes+20:]), listBytes: binary.BigEndian.Uint32(b[namedBytes+24:])}
	return int64(len(b)) == int64(fixedBytes+2*sumBytes)+blocks(x.terms, termsInBlock)*hashBytes+sized(x.records, placesInBlock, placeBytes)+
		sized(x.terms, termsInBlock, termBytes)+int64(x.listBytes)
}

// TestForgedIndex: a file that is whole, and says what is not so, hides what it
// does not name, and nothing else happens.
func TestForgedIndex(t *testing.T) {
	t.Parallel()
	const records = 240
	x := trail(t, records, 4000)
	if err := x.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, file := range indexFiles(t, x, 10) {
		change(t, file, func(b []byte) []byte {
			places := b[resealed(b).placesAt:resealed(b).termsAt]
			for at := 0; at+placeBytes <= len(places); at += placeBytes {
				if i%2 == 0 {
					places[at+3]++ // between the records
				} else {
					copy(places[at:at+4], places[:4]) // all of one record
				}
			}
			resealed(b)
			return b
		})
	}
	for _, newest := range []bool{false, true} {
		q := Query{Terms: []Term{{Operation, "Decrypt"}, {Resource, "k2"}}, NewestFirst: newest, Limit: 3}
		if got, want := pages(t, x, q), naive(&q, records); !slices.Equal(got, want) {
			t.Errorf("newest first: %v\n got %v\nwant %v", newest, got, want)
		}
	}
}

// TestDamagedSegment: a query goes on around records that cannot be read, and says
// so; with an index also behind them in their segment. A segment that is gone is
// not damaged.
func TestDamagedSegment(t *testing.T) {
	t.Parallel()
	const records = 240
	x := trail(t, records, 4000)
	if err := x.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	segments, err := audit.Segments(x.Trail, nodes[0])
	if err != nil || len(segments) < 5 {
		t.Fatal(len(segments), err)
	}
	lost := 0
	change(t, segments[1].Path, func(b []byte) []byte {
		at := bytes.Index(b, []byte(`"requestID":"r`))
		for lost = 0; !bytes.Contains(b[:at+40], []byte(`"e`+strconv.Itoa(lost)+`"`)); lost++ {
		}
		b[at] = 'X'
		return b
	})
	for _, indexed := range []bool{true, false} {
		for _, newest := range []bool{false, true} {
			if !indexed {
				if err := os.RemoveAll(x.Folder); err != nil {
					t.Fatal(err)
				}
			}
			q := Query{Terms: []Term{{Account, account}}, NewestFirst: newest, Limit: records}
			page, err := x.Find(t.Context(), q)
			if err != nil || len(page.Damaged) != 1 || !strings.Contains(page.Damaged[0], "segment 2 of epoch 1 of node 09") {
				t.Fatalf("%v, damaged: %q", err, page.Damaged)
			}
			want := slices.DeleteFunc(naive(&q, records), func(r string) bool { return strings.Contains(r, `"e`+strconv.Itoa(lost)+`"`) })
			if got := len(page.Found); indexed && got != len(want) || !indexed && (got >= len(want) || got < len(want)-20) {
				t.Errorf("indexed %v: %d records, %d can be read", indexed, got, len(want))
			}
		}
	}
	if err := x.Update(t.Context()); err == nil {
		t.Error("nobody says that a segment cannot be indexed")
	}
	if n := len(indexFiles(t, x, 10)); n < len(segments)-2 {
		t.Errorf("%d files: a damaged segment keeps others from having one", n)
	}
	if err := x.Update(t.Context()); err != nil {
		t.Errorf("it is said again: %v", err)
	}

	if err := os.Remove(segments[1].Path); err != nil {
		t.Fatal(err)
	}
	s := &search{Index: x, query: &Query{Limit: 1}, hash: newHasher(x.Key)}
	if err := s.segment(t.Context(), &segments[1]); err != nil || s.page.Damaged != nil {
		t.Errorf("a segment that is gone: %v, %q", err, s.page.Damaged)
	}
	if err := syscall.Mkfifo(segments[1].Path, 0o600); err != nil {
		t.Fatal(err)
	}
	if page, err := x.Find(t.Context(), Query{Limit: records}); err != nil || len(page.Damaged) != 1 {
		t.Errorf("a segment that is no file: %v, %q", err, page.Damaged)
	}
}

// TestFindRefuses: no limit, a position in no trail, and nobody who waits.
func TestFindRefuses(t *testing.T) {
	t.Parallel()
	x := trail(t, 30, 4000)
	if _, err := x.Find(t.Context(), Query{}); !errors.Is(err, ErrQuery) {
		t.Errorf("limit 0: %v", err)
	}
	if _, err := x.Find(t.Context(), Query{Limit: 1, Terms: make([]Term, maxTerms+1)}); !errors.Is(err, ErrQuery) {
		t.Errorf("more terms than there can be: %v", err)
	}
	if _, err := x.Find(t.Context(), Query{Limit: 1, After: Position{Node: [16]byte{7}, Epoch: 1}}); !errors.Is(err, ErrQuery) {
		t.Errorf("a node that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Find(ctx, Query{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	if err := x.Update(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the service ends: %v", err)
	}
}

// TestPageBytes: a page of long records has fewer of them than its limit.
func TestPageBytes(t *testing.T) {
	t.Parallel()
	x := &Index{Trail: t.TempDir(), Folder: t.TempDir()}
	a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	const records = 7
	for n := range records {
		if err := a.Append(t.Context(), []byte(`{"eventID":"`+strconv.Itoa(n)+`","padding":"`+strings.Repeat("x", audit.MaxRecordBytes-100)+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, newest := range []bool{false, true} {
		q := Query{NewestFirst: newest, Limit: 100}
		page, err := x.Find(t.Context(), q)
		if err != nil || !page.More || len(page.Found) != 2 {
			t.Errorf("%d records, more %v, %v", len(page.Found), page.More, err)
		}
		if got := len(pages(t, x, q)); got != records {
			t.Errorf("%d records in all pages, want %d", got, records)
		}
	}
}
