package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTrailReplaced: a trail is replaced when it, or its end, is lost. What is left
// of it goes out first; and that more is not there is said once, however much is
// left, before anything of the new trail.
func TestTrailReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left string
		lose func(w *world) error
		old  []string // delivered of the old trail
	}{
		{"everything", func(*world) error { return nil }, slices.Concat(ids(1, 1, 5), ids(1, 6, 7), ids(2, 8, 9))},
		{"nothing", func(w *world) error { return os.RemoveAll(w.dir) }, ids(1, 1, 5)},
		{"an empty folder", func(w *world) error {
			return errors.Join(os.RemoveAll(w.dir), os.MkdirAll(filepath.Join(w.dir, fmt.Sprintf("%x", w.node)), 0o700))
		}, ids(1, 1, 5)},
		{"an older copy", func(w *world) error {
			return os.RemoveAll(filepath.Join(w.dir, fmt.Sprintf("%x", w.node), "00000002"))
		}, ids(1, 1, 7)},
	} {
		for _, files := range []bool{false, true} {
			w, m := newWorld(t), &memory{}
			w.append(5, "111122223333")
			mustRound(t, w.exporter(plainExport("a")).deliverTo(m))
			w.append(2, "111122223333")
			w.restart()
			w.append(2, "111122223333")
			if err := errors.Join(w.trail.Close(), c.lose(w)); err != nil {
				t.Fatal(err)
			}
			lost := w.node
			w.node = [16]byte{0xe2}
			w.open()
			x := w.exporter(plainExport("a")).deliverTo(m)
			if files { // what has no digest yet waits, and is not told of again and again
				for range 3 {
					mustRound(t, x)
				}
			}
			w.append(3, "111122223333")
			mustRound(t, x)
			mustEqual(t, c.left, m.ids, slices.Concat(c.old, ids(1, 1, 3)))
			n := w.noticed(Skipped)
			if len(n) != 1 || n[0].Why != wasReplaced || n[0].Node != lost || n[0].After != uint64(len(c.old)) || n[0].Next != 0 {
				t.Errorf("%s: %+v", c.left, n)
			}
			if s := x.Status(); s.Node != w.node || s.Sequence != 3 || s.LagRecords != 0 || s.Skipped != 1 {
				t.Errorf("%s: %+v", c.left, s)
			}
		}
	}
}

// TestCursorCannotBeWritten: what is told in the trail is told once, however often
// the cursor behind it fails.
func TestCursorCannotBeWritten(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &memory{}
	w.append(60, "111122223333")
	segments := mustSegments(t, w)
	mustRemove(t, segments[0].Path)
	x := w.exporter(plainExport("a")).deliverTo(m)
	blocked := filepath.Join(w.state, ".a.cursor.partial", "x")
	block := func() {
		if err := os.MkdirAll(blocked, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	block()
	for range 3 {
		if err := x.round(t.Context()); err == nil {
			t.Fatal("a cursor is written")
		}
	}
	if err := os.RemoveAll(filepath.Dir(blocked)); err != nil {
		t.Fatal(err)
	}
	if err := x.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.begun = true
	block()
	for range 3 {
		if err := x.round(t.Context()); err == nil {
			t.Fatal("a cursor is written")
		}
	}
	if err := os.RemoveAll(filepath.Dir(blocked)); err != nil {
		t.Fatal(err)
	}
	mustRound(t, x)
	if started, skipped := w.noticed(Started), w.noticed(Skipped); len(started) != 1 || len(skipped) != 1 || len(m.ids) == 0 {
		t.Errorf("%+v %+v, %d delivered", started, skipped, len(m.ids))
	}
}
