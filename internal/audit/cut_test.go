package audit

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// relaxedTrail is a trail of 20 records that a digest covers and 30 that were not
// synced, of a write each.
func relaxedTrail(t testing.TB) (m *memFS, all []string, covered Head) {
	t.Helper()
	m = newMemFS()
	trail := openMem(t, m, Relaxed, func(o *Options) { o.QueueBytes = 1 })
	all = numbered("n", 50)
	mustAppend(t, trail, all[:20]...)
	covered, err := trail.Durable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, trail, all[20:]...)
	t.Cleanup(func() { mustClose(t, trail) })
	return m, all, covered
}

// With Relaxed a loss of power leaves any sectors of what was not synced: a start
// keeps the records before the first hole, sets the rest aside, and says what it
// has cut until a record tells of it.
func TestPowerLossCutsHoles(t *testing.T) {
	t.Parallel()
	rounds, holes := 50, 0
	if soak() {
		rounds = 2000
	}
	for range rounds {
		m, all, covered := relaxedTrail(t)
		left := m.loseSectors()
		content := left.content(segmentPath(1, 1))
		strict := left.kill()
		trail := openMem(t, left, Relaxed, func(o *Options) { o.Covered = covered })
		kept := int(trail.Head().Sequence)
		cuts := trail.Cuts()
		mustClose(t, trail)
		if got := readAll(t, left); kept < 20 || !slices.Equal(got, all[:kept]) {
			t.Fatalf("%d records are kept: %v", kept, got)
		}
		end := len(left.content(segmentPath(1, 1)))
		rest := bytes.TrimRight(content[end:], "\x00")
		if len(rest) == 0 {
			if len(cuts) > 0 {
				t.Fatalf("of nothing was cut %+v", cuts)
			}
			continue
		}
		whole := uint64(0)
		for i := kept; i < len(all); i++ {
			if r := m.content(segmentPath(1, 1))[recordAt(m, i):recordAt(m, i+1)]; bytes.Contains(rest, r) {
				whole++
			}
		}
		want := Cut{Epoch: 1, Segment: 1, Offset: int64(end), Bytes: int64(len(rest)), Records: whole, File: filepath.Join("00000001", "00000001.torn")}
		if len(cuts) != 1 || cuts[0] != want {
			t.Fatalf("cut: %+v, want %+v", cuts, want)
		}
		// Ended before it could tell, a start leaves that to the next.
		trail = openMem(t, left, Relaxed)
		if !slices.Equal(trail.Cuts(), cuts) {
			t.Fatalf("the next start has cut %+v, want %+v", trail.Cuts(), cuts)
		}
		if err := trail.Told(); err != nil || len(trail.Cuts()) != 0 {
			t.Fatalf("told: %v", err)
		}
		left = left.losePower()
		mustClose(t, trail)
		trail = openMem(t, left, Relaxed)
		if kept := left.content(filepath.Join(testNodeDir, want.File)); !bytes.Equal(kept, rest) || len(trail.Cuts()) != 0 {
			t.Fatalf("set aside: %d bytes, want %d; told again: %+v", len(kept), len(rest), trail.Cuts())
		}
		mustClose(t, trail)
		if whole > 0 {
			holes++
			if _, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Strict, fs: strict}); !errors.Is(err, ErrDamaged) {
				t.Fatalf("strict: %v, want ErrDamaged", err)
			}
		}
	}
	if holes == 0 {
		t.Error("no loss of power has left a hole")
	}
}

// recordAt is where a record of the first segment starts.
func recordAt(m *memFS, n int) int {
	content, at := m.content(segmentPath(1, 1)), headerBytes
	for range n {
		at += frameLen(content[at:])
	}
	return at
}

// What a digest covers was synced, and a record that lacks no sector was edited:
// neither is cut, whatever the mode.
func TestWhatNoPowerLossLeavesIsNotCut(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(m *memFS, b []byte){
		"a hole in what a digest covers": func(m *memFS, b []byte) { clear(b[recordAt(m, 5):][:2*sectorBytes]) },
		"everything after that is gone":  func(m *memFS, b []byte) { clear(b[recordAt(m, 19)+20:]) },
		"a changed byte behind it":       func(m *memFS, b []byte) { b[recordAt(m, 31)-3] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _, covered := relaxedTrail(t)
			left := m.kill()
			content := left.content(segmentPath(1, 1))
			edit(m, content)
			left.put(segmentPath(1, 1), content)
			_, err := Open(t.Context(), testDir, Options{Node: testNode, Mode: Relaxed, Covered: covered, fs: left})
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("open: %v, want ErrDamaged", err)
			}
			if !bytes.Equal(left.content(segmentPath(1, 1)), content) {
				t.Error("the segment was changed")
			}
			names, err := left.list(filepath.Dir(segmentPath(1, 1)))
			if err != nil || strings.Join(names, " ") != "00000001.log" {
				t.Errorf("files: %v, %v", names, err)
			}
		})
	}
}
