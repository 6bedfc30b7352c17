package front

import (
	"strings"
	"testing"
	"time"
)

// TestStrangersAreCapped: calls without a valid signature get a few records a
// second, and the next one tells how many had none.
func TestStrangersAreCapped(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s := newSampler(func() time.Time { return now })
	recorded, left := 0, 0
	for range 1000 {
		skipped, ok := s.admit()
		if ok {
			recorded++
		}
		left += skipped
	}
	if recorded != strangersPerSecond || left != 0 {
		t.Errorf("%d of 1000 are recorded, %d told of", recorded, left)
	}
	now = now.Add(time.Second)
	if skipped, ok := s.admit(); !ok || skipped != 1000-strangersPerSecond {
		t.Errorf("the next second: %v, %d told of", ok, skipped)
	}
	if skipped, ok := s.admit(); !ok || skipped != 0 {
		t.Errorf("told of twice: %v, %d", ok, skipped)
	}
}

// TestPanicsTellTheirPlaceOnly: the log learns where, not what.
func TestPanicsTellTheirPlaceOnly(t *testing.T) {
	t.Parallel()
	var err error
	func() {
		defer func() { err = panicked(recover()) }()
		panic("a plaintext")
	}()
	if s := err.Error(); strings.Contains(s, "plaintext") || !strings.Contains(s, "TestPanicsTellTheirPlaceOnly") || !strings.Contains(s, "(string)") {
		t.Error(s)
	}
}
