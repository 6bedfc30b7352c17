package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

var (
	testNode = [16]byte{0xa1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	allModes = []Mode{NoWait, Relaxed, Strict}
)

const (
	testDir     = "/audit"
	testNodeDir = "/audit/a10102030405060708090a0b0c0d0e0f"
)

func segmentPath(epoch, number uint64) string {
	return filepath.Join(testNodeDir, epochName(epoch), segmentName(number))
}

// openMem opens a trail on a memory file layer; it is the test's to close.
func openMem(t testing.TB, m *memFS, mode Mode, change ...func(*Options)) *Trail {
	t.Helper()
	o := Options{Node: testNode, Mode: mode, fs: m}
	for _, f := range change {
		f(&o)
	}
	trail, err := Open(context.Background(), testDir, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return trail
}

func mustAppend(t testing.TB, trail *Trail, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := trail.Append(context.Background(), []byte(r)); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
}

func mustClose(t testing.TB, trail *Trail) {
	t.Helper()
	if err := trail.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// readAll verifies the trail and returns its records' JSON.
func readAll(t testing.TB, m *memFS) []string {
	t.Helper()
	got, err := tryReadAll(m)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return got
}

func tryReadAll(m fsys) (got []string, err error) {
	for r, err := range records(m, testDir) {
		if err != nil {
			return got, err
		}
		got = append(got, string(r.JSON))
	}
	return got, nil
}

func numbered(prefix string, n int) []string {
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf(`{"%s":%d}`, prefix, i)
	}
	return records
}
