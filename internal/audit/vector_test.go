package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the vectors of a new format version")

const vectorFile = "testdata/segment-v1.hex"

// TestSegmentVector: the bytes of version 1 never change. The segment is
// epoch 1's first, of the node of these tests, with the three records.
func TestSegmentVector(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	trail := openMem(t, m, Strict)
	want := []string{`{"n":0}`, `{"eventName":"Encrypt","eventID":"9f2b0c1e-0000-4000-8000-000000000002"}`, `{}`}
	mustAppend(t, trail, want...)
	mustClose(t, trail)
	got := m.content(segmentPath(1, 1))
	if *update {
		if err := os.WriteFile(vectorFile, []byte(wrap(hex.EncodeToString(got))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.EncodeToString(frozen), hex.EncodeToString(got)); diff != "" {
		t.Errorf("written: %s", diff)
	}
	if diff := cmp.Diff(hex.EncodeToString(frozen), hex.EncodeToString(byTheDocument(want))); diff != "" {
		t.Errorf("by docs/formats.md: %s", diff)
	}
	frozenFS := newMemFS()
	frozenFS.put(segmentPath(1, 1), frozen)
	if diff := cmp.Diff(want, readAll(t, frozenFS)); diff != "" {
		t.Errorf("read: %s", diff)
	}
}

// byTheDocument makes the vector's bytes from docs/formats.md alone.
func byTheDocument(records []string) []byte {
	node := "a10102030405060708090a0b0c0d0e0f"
	out := "5452454e5441554400010000" + node + "0000000000000001" + "0000000000000001" + strings.Repeat("00", 20)
	previous := strings.Repeat("00", 32)
	for i, r := range records {
		body := previous + node + "0000000000000001" + hex.EncodeToString([]byte{0, 0, 0, 0, 0, 0, 0, byte(i + 1)}) + hex.EncodeToString([]byte(r))
		raw, err := hex.DecodeString(body)
		if err != nil {
			panic(err)
		}
		crc := crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli))
		sum := sha256.Sum256(raw)
		out += hex.EncodeToString([]byte{0, 0, 0, byte(len(raw)), byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}) + body
		previous = hex.EncodeToString(sum[:])
	}
	raw, err := hex.DecodeString(out)
	if err != nil {
		panic(err)
	}
	return raw
}

func wrap(s string) string {
	var b strings.Builder
	for len(s) > 128 {
		b.WriteString(s[:128] + "\n")
		s = s[128:]
	}
	return b.String() + s + "\n"
}
