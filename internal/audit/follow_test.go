package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestScanFrom: from each record on, and from the first, a scan sees what a whole
// scan sees behind it, also within a write of several records; from a place where
// no record stands it fails.
func TestScanFrom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail, err := Open(context.Background(), dir, Options{Node: testNode, Mode: Strict})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if i == 2 { // three in one write
			b, err := trail.enqueuePinned([][]byte{[]byte(`{"n":"a"}`), []byte(`{"n":"bb"}`), []byte(`{"n":"ccc"}`)})
			if err != nil {
				t.Fatal(err)
			}
			<-b.settled
			trail.unpin(b)
		}
		mustAppend(t, trail, fmt.Sprintf(`{"i":%d}`, i))
	}
	segments, err := Segments(dir, testNode)
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	s := &segments[0]
	var all []string
	starts := []int64{FirstOffset}
	if err := s.Scan(func(r Record) bool {
		all = append(all, string(r.JSON))
		starts = append(starts, r.End())
		return true
	}); err != nil || len(all) != 8 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	for i, start := range starts {
		var got []string
		if err := s.ScanFrom(start, func(r Record) bool { got = append(got, string(r.JSON)); return true }); err != nil || fmt.Sprint(got) != fmt.Sprint(all[i:]) {
			t.Errorf("from record %d: %v, %v; want %v", i+1, got, err, all[i:])
		}
	}
	mustClose(t, trail)
	s.Newest = false
	if err := s.ScanFrom(starts[1]+1, func(Record) bool { return true }); err == nil {
		t.Errorf("a scan from within a record finds nothing wrong")
	}
	if err := os.Remove(s.Path); err != nil {
		t.Fatal(err)
	}
	if err := s.ScanFrom(FirstOffset, func(Record) bool { return true }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a segment that is gone: %v", err)
	}
}
