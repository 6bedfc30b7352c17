package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestAppendedRecordsAreReadBackAcrossSegmentsAndEpochs(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m, want := newMemFS(), []string(nil)
			for epoch := range 3 {
				trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes = 500 })
				batch := numbered(fmt.Sprint("epoch", epoch), 20)
				mustAppend(t, trail, batch...)
				want = append(want, batch...)
				mustClose(t, trail)
				if h := trail.Head(); h.Epoch != uint64(epoch+1) || h.Sequence != uint64(len(want)) {
					t.Errorf("head after epoch %d: %+v", epoch, h)
				}
			}
			if diff := cmp.Diff(want, readAll(t, m)); diff != "" {
				t.Error(diff)
			}
			if n := len(m.segments()); mode != NoWait && n < 6 {
				t.Errorf("%d segments, want several in each epoch", n)
			}
			for _, path := range m.segments() {
				if n := len(m.content(path)); mode != NoWait && n > 500 {
					t.Errorf("%s has %d bytes", path, n)
				}
			}
		})
	}
}

func TestRecordsOfConcurrentAppendersAllStandOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m := newMemFS()
			trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes, o.QueueBytes = 8<<10, 1<<10 })
			var all sync.WaitGroup
			var want []string
			for g := range 16 {
				mine := numbered(fmt.Sprint("appender", g), 50)
				want = append(want, mine...)
				all.Go(func() {
					for _, r := range mine {
						if err := trail.Append(t.Context(), []byte(r)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			mustClose(t, trail)
			got := readAll(t, m)
			for g := range 16 { // of one appender they stand in order
				prefix := fmt.Sprintf(`{"appender%d":`, g)
				mine := slices.DeleteFunc(slices.Clone(got), func(r string) bool { return len(r) < len(prefix) || r[:len(prefix)] != prefix })
				if diff := cmp.Diff(numbered(fmt.Sprint("appender", g), 50), mine); diff != "" {
					t.Error(diff)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if s := trail.Stats(); s.Records != uint64(len(want)) || s.Writes > s.Records {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// One write and one sync serve all that wait: while the first record's sync is
// held, sixteen more gather, and share the next.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		trail := openMem(t, m, Strict)
		hold := make(chan struct{})
		m.onSync = func(string) error { <-hold; return nil }
		var all sync.WaitGroup
		for i := range 17 {
			all.Go(func() { mustAppend(t, trail, fmt.Sprintf(`{"n":%d}`, i)) })
			synctest.Wait()
		}
		close(hold)
		all.Wait()
		if s := trail.Stats(); s.Records != 17 || s.Writes != 2 || s.Syncs != 2 {
			t.Errorf("stats: %+v, want 17 records in 2 writes and 2 syncs", s)
		}
		mustClose(t, trail)
	})
}

func TestFilesAndDirectoriesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "audit")
	trail, err := Open(t.Context(), dir, Options{Node: testNode, Mode: Strict})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, trail, `{"a":1}`)
	mustClose(t, trail)
	var got []string
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		got = append(got, fmt.Sprintf("%s %v", rel, info.Mode()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		". drwx------",
		"a10102030405060708090a0b0c0d0e0f drwx------",
		"a10102030405060708090a0b0c0d0e0f/00000001 drwx------",
		"a10102030405060708090a0b0c0d0e0f/00000001/00000001.log -rw-------",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSecondOpenIsRefusedUntilClose(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "audit")
	o := Options{Node: testNode, Mode: Relaxed}
	first, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, o); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	mustClose(t, first)
	second, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if h := second.Head(); h.Epoch != 2 {
		t.Errorf("epoch %d, want 2: the refused open must not have begun one", h.Epoch)
	}
	mustClose(t, second)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no mode":      {Node: testNode},
		"unknown mode": {Node: testNode, Mode: 4},
		"large queue":  {Node: testNode, Mode: Strict, QueueBytes: 1<<30 + 1},
		"no node":      {Mode: Strict},
	} {
		o.fs = newMemFS()
		if _, err := Open(t.Context(), testDir, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRecordSizeIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	trail := openMem(t, m, Strict)
	for _, n := range []int{0, MaxRecordBytes + 1} {
		if err := trail.Append(t.Context(), make([]byte, n)); !errors.Is(err, ErrRecordSize) {
			t.Errorf("%d bytes: %v, want ErrRecordSize", n, err)
		}
	}
	mustAppend(t, trail, string(make([]byte, MaxRecordBytes)), "1")
	mustClose(t, trail)
	if got := readAll(t, m); len(got) != 2 || len(got[0]) != MaxRecordBytes {
		t.Errorf("%d records", len(got))
	}
}

func TestCloseIsFinal(t *testing.T) {
	t.Parallel()
	trail := openMem(t, newMemFS(), Relaxed)
	mustClose(t, trail)
	if err := trail.Append(t.Context(), []byte("1")); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v, want ErrClosed", err)
	}
	if err := trail.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("err: %v, want ErrClosed", err)
	}
	if err := trail.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second close: %v, want ErrClosed", err)
	}
}

// A caller who goes away stops waiting, but the call's record is written.
func TestCancelledAppendIsWrittenAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		trail := openMem(t, m, Strict)
		hold := make(chan struct{})
		m.onSync = func(string) error { <-hold; return nil }
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		record := []byte(`{"n":1}`)
		go func() { result <- trail.Append(ctx, record) }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("append: %v", err)
		}
		copy(record, "xxxxxxx") // the record was copied: the caller may do this
		close(hold)
		mustClose(t, trail)
		if diff := cmp.Diff([]string{`{"n":1}`}, readAll(t, m)); diff != "" {
			t.Error(diff)
		}
	})
}

// With NoWait a full queue holds appenders back and loses nothing.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		trail := openMem(t, m, NoWait, func(o *Options) { o.QueueBytes = 3 * (frameBytes + len(`{"n":0}`)) })
		hold := make(chan struct{})
		m.onWrite = func(_ string, b []byte) (int, error) { <-hold; return len(b), nil }
		var returned atomic.Int32
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, r := range numbered("n", 10) {
				mustAppend(t, trail, r)
				returned.Add(1)
			}
		}()
		synctest.Wait()
		if n := returned.Load(); n < 3 || n > 6 {
			t.Errorf("%d appends returned while the disk held the writer, want one to three written and three queued", n)
		}
		close(hold)
		<-done
		mustClose(t, trail)
		if diff := cmp.Diff(numbered("n", 10), readAll(t, m)); diff != "" {
			t.Error(diff)
		}
	})
}
