package front

import (
	"strings"
	"testing"
	"time"

	"trent/internal/audit"
)

// TestStrangersAreCapped: calls without a valid signature get a few records a
// second, and the next one tells how many had none.
func TestStrangersAreCapped(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s := newSampler(func() time.Time { return now }, withoutSignature)
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

// TestStrangersAtTheEnd: those that stand in no record yet have one together at the
// end, or count on if it cannot be written.
func TestStrangersAtTheEnd(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	s := newSampler(func() time.Time { return now }, withoutSignature)
	for range strangersPerSecond + 7 {
		s.admit()
	}
	if lost := s.end(func(*audit.Event) error { return audit.ErrFailed }); lost != 7 {
		t.Errorf("%d are lost, want 7", lost)
	}
	s.giveBack(7)
	var written []audit.Event
	for range 2 {
		s.end(func(e *audit.Event) error { written = append(written, *e); return nil })
	}
	if len(written) != 1 || len(written[0].Additional) != 1 || written[0].Additional[0].Value != "7" || written[0].Name != eventUnrecorded {
		t.Errorf("records %+v", written)
	}
}
