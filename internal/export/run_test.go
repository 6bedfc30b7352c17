package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"trent/internal/audit"
)

// webhookExport needs a destination that deliverTo replaces.
func plainExport(name string) Export {
	return Export{Name: name, Webhook: &Webhook{URL: "https://localhost/"}, MaxBytes: 2 << 10}
}

func mustRound(t *testing.T, x *Exporter) {
	t.Helper()
	if err := x.round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustEqual(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %d %v\nwant %d %v", what, len(got), got, len(want), want)
	}
}

// TestInOrder: over segments, epochs and restarts of the service, each record is
// delivered once and in order while nothing fails.
func TestInOrder(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	var want []string
	for epoch := 1; epoch <= 4; epoch++ {
		x := w.exporter(plainExport("a")).deliverTo(m) // as after a restart
		for range 3 {
			from := int(w.trail.Head().Sequence) + 1
			w.append(17, "111122223333")
			want = append(want, ids(epoch, from, from+16)...)
			mustRound(t, x)
			mustEqual(t, fmt.Sprintf("epoch %d", epoch), m.ids, want)
		}
		if s := x.Status(); s.LagRecords != 0 || s.Lag != 0 || s.Skipped != 0 || s.Sequence != uint64(len(want)) {
			t.Errorf("%+v", s)
		}
		if epoch == 3 {
			w.append(1, "111122223333") // left for the next start
			want = append(want, fmt.Sprintf("id-3-%d", len(want)+1))
		}
		w.restart()
	}
	if len(m.lots) < 12 {
		t.Errorf("batches of %v records: max_bytes has no effect", m.lots)
	}
	if n := w.noticed(Started); len(n) != 1 || len(w.noticed(Skipped)) != 0 {
		t.Errorf("%v", w.notices)
	}
}

// TestRepeats: whatever is cut off between the delivery and the cursor is
// delivered again, the same batch, though the trail has grown; nothing is lost.
func TestRepeats(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(3, "111122223333")
	killed := errors.New("killed")
	m.after = func() error { return killed }
	x := w.exporter(plainExport("a")).deliverTo(m)
	if err := x.round(t.Context()); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	w.append(3, "111122223333")
	m.after = nil
	mustRound(t, w.exporter(plainExport("a")).deliverTo(m)) // another process
	mustEqual(t, "delivered", m.ids, append(ids(1, 1, 3), ids(1, 1, 6)...))
	if !slices.Equal(m.lots, []int{3, 3, 3}) {
		t.Errorf("batches of %v records, want the same again, and then the others", m.lots)
	}
}

// TestWaits: what a destination refuses waits, is counted, and goes out when it
// takes it again.
func TestWaits(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	down := errors.New("down")
	m.fail = func() error { return down }
	x := w.exporter(plainExport("a")).deliverTo(m)
	w.append(2, "111122223333")
	w.advance(90e9)
	w.append(5, "111122223333")
	for range 3 {
		if err := x.round(t.Context()); !errors.Is(err, down) {
			t.Fatal(err)
		}
		x.failed(down, 0)
	}
	if s := x.Status(); s.LagRecords != 7 || s.Lag.Seconds() != 90 || s.Failures != 3 || s.Error != "down" {
		t.Errorf("%+v", s)
	}
	m.fail = nil
	mustRound(t, x)
	mustEqual(t, "delivered", m.ids, ids(1, 1, 7))
	if s := x.Status(); s.LagRecords != 0 || s.Lag != 0 || s.Error != "" {
		t.Errorf("%+v", s)
	}
}

// TestTooLarge: a batch that is too large for the destination is made smaller
// until it fits, and larger again when the destination takes it.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(9, "111122223333")
	x := w.exporter(plainExport("a"))
	m.fail = func() error {
		if x.batch.bytes > 900 {
			return &refusal{text: "413", tooLarge: true}
		}
		return nil
	}
	x.deliverTo(m)
	mustRound(t, x)
	mustEqual(t, "delivered", m.ids, ids(1, 1, 9))
	small := slices.Max(m.lots)
	m.fail, m.lots = nil, nil
	w.append(40, "111122223333")
	mustRound(t, x)
	mustEqual(t, "delivered", m.ids, ids(1, 1, 49))
	if x.limit != x.MaxBytes || slices.Max(m.lots) <= small {
		t.Errorf("batches of at most %d bytes, want %d again: %v", x.limit, x.MaxBytes, m.lots)
	}
	m.fail = func() error { return &refusal{text: "413", tooLarge: true} }
	w.append(40, "111122223333")
	if err := x.round(t.Context()); err == nil || len(x.batch.records) != 1 {
		t.Errorf("one record that nobody takes: %v", err)
	}
}

// TestFromNow: an export that begins now gets what comes, and says what it leaves.
func TestFromNow(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(40, "111122223333")
	e := plainExport("a")
	e.FromNow = true
	x := w.exporter(e).deliverTo(m)
	mustRound(t, x)
	w.append(2, "111122223333")
	mustRound(t, x)
	mustRound(t, w.exporter(e).deliverTo(m))
	mustEqual(t, "delivered", m.ids, ids(1, 41, 42))
	if n := w.noticed(Started); len(n) != 1 || n[0].After != 40 {
		t.Errorf("%+v", n)
	}
}

// TestBound: nothing goes out before it may.
func TestBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder := t.TempDir()
	x := w.exporter(Export{Name: "a", Folder: folder})
	w.append(5, "111122223333")
	mustRound(t, x)
	if s := x.Status(); s.Sequence != 0 || s.LagRecords != 5 {
		t.Errorf("without a digest: %+v", s)
	}
	w.sign()
	w.append(5, "111122223333")
	mustRound(t, x)
	if s := x.Status(); s.Sequence != 5 || s.LagRecords != 5 {
		t.Errorf("with a digest of five: %+v", s)
	}
}

// TestMovedAway: records that were moved away before they were delivered are
// named, and the rest follows; moving what was delivered is nothing.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(40, "111122223333")
	x := w.exporter(plainExport("a")).deliverTo(m)
	mustRound(t, x)
	segments := mustSegments(t, w)
	mustRemove(t, segments[0].Path)
	w.append(1, "111122223333")
	mustRound(t, x)
	mustEqual(t, "after moving what was delivered", m.ids, ids(1, 1, 41))
	if len(w.noticed(Skipped)) != 0 {
		t.Fatalf("%v", w.notices)
	}
	w.append(60, "111122223333")
	segments = mustSegments(t, w)
	for _, s := range segments[:len(segments)-1] { // the one with record 42 too
		mustRemove(t, s.Path)
	}
	mustRound(t, w.exporter(plainExport("a")).deliverTo(m))
	skipped := w.noticed(Skipped)
	if len(skipped) != 1 || skipped[0].After != 41 || skipped[0].Why != movedAway {
		t.Fatalf("%+v", skipped)
	}
	mustEqual(t, "after moving what was not", m.ids, append(ids(1, 1, 41), ids(1, int(skipped[0].Next), 101)...))
}

// TestBegunAndMovedAway: records of a batch that was on its way are gone; what is
// left follows all the same.
func TestBegunAndMovedAway(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(2, "111122223333")
	m.fail = func() error { return errors.New("down") }
	x := w.exporter(plainExport("a")).deliverTo(m)
	if err := x.round(t.Context()); err == nil || x.c.until != 2 {
		t.Fatalf("%v, until %d", err, x.c.until)
	}
	w.append(60, "111122223333")
	segments := mustSegments(t, w)
	for _, s := range segments[:len(segments)-1] {
		mustRemove(t, s.Path)
	}
	m.fail = nil
	mustRound(t, w.exporter(plainExport("a")).deliverTo(m))
	skipped := w.noticed(Skipped)
	if len(skipped) != 1 || skipped[0].After != 0 || skipped[0].Next < 3 {
		t.Fatalf("%+v", skipped)
	}
	mustEqual(t, "delivered", m.ids, ids(1, int(skipped[0].Next), 62))
}

// TestTrailWentBack: a loss of power took records that were delivered; the trail
// goes on with other records of the same numbers, and all of these are delivered.
func TestTrailWentBack(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(5, "111122223333")
	x := w.exporter(plainExport("a")).deliverTo(m)
	mustRound(t, x)
	if err := w.trail.Close(); err != nil {
		t.Fatal(err)
	}
	segments := mustSegments(t, w)
	ends := []int64{}
	if err := segments[0].Scan(func(r audit.Record) bool { ends = append(ends, r.End()); return true }); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(segments[0].Path, ends[2]); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.append(4, "111122223333")
	mustRound(t, w.exporter(plainExport("a")).deliverTo(m))
	mustEqual(t, "delivered", m.ids, append(ids(1, 1, 5), ids(2, 4, 7)...))
	if n := w.noticed(Skipped); len(n) != 1 || n[0].Why != wentBack || n[0].After != 5 || n[0].Next != 4 {
		t.Errorf("%+v", n)
	}
}

// TestCursorDamaged: with a damaged cursor everything is delivered again, and the
// trail says so; a cursor that cannot be read for another reason is waited for.
func TestCursorDamaged(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(5, "111122223333")
	e := plainExport("a")
	e.FromNow = true // counts for a new export only
	path := filepath.Join(w.state, "a.cursor")
	mustRound(t, w.exporter(e).deliverTo(m))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		damaged := slices.Clone(b)
		damaged[i] ^= 0x01
		if _, err := parseCursor(damaged); !errors.Is(err, errCursor) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := parseCursor(b[:i]); !errors.Is(err, errCursor) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
	if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	mustRound(t, w.exporter(e).deliverTo(m))
	mustEqual(t, "delivered", m.ids, ids(1, 1, 5))
	if n := w.noticed(Started); len(n) != 2 || n[1].Why == "" {
		t.Errorf("%+v", n)
	}
	if err := errors.Join(os.Remove(path), os.Symlink("/nowhere", path)); err != nil {
		t.Fatal(err)
	}
	x := w.exporter(e).deliverTo(m)
	mustRound(t, x)
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		t.Errorf("the cursor is %v, %v", info, err)
	}
}

// TestDamagedTrail: damage stops an export, which says so, and skips nothing.
func TestDamagedTrail(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(40, "111122223333")
	s := mustSegments(t, w)[1]
	b, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	b[200] ^= 1
	if err := os.WriteFile(s.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	x := w.exporter(plainExport("a")).deliverTo(m)
	if err := x.round(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if len(m.ids) == 0 || !slices.Equal(m.ids, ids(1, 1, len(m.ids))) || x.Status().LagRecords == 0 {
		t.Errorf("%v %+v", m.ids, x.Status())
	}
}

func mustSegments(t *testing.T, w *world) []audit.Segment {
	t.Helper()
	segments, err := audit.Segments(w.dir, w.node)
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	return segments
}

func mustRemove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestFilesFromNow: also where no digest covers the trail's end yet, files that
// begin now have what comes, and nothing from before.
func TestFilesFromNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(3, "111122223333")
	w.sign()
	w.append(4, "111122223333")
	x := w.exporter(Export{Name: "a", Folder: t.TempDir(), FromNow: true})
	mustRound(t, x)
	if s := x.Status(); s.Sequence != 7 || s.Records != 0 {
		t.Errorf("%+v", s)
	}
	w.append(2, "111122223333")
	mustRound(t, x)
	w.sign()
	mustRound(t, x)
	if s := x.Status(); s.Sequence != 9 || s.Records != 2 || s.LagRecords != 0 {
		t.Errorf("%+v", s)
	}
}
