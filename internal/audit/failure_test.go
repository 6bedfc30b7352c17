package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fullDisk takes part of a write, then none, until it is freed.
type fullDisk struct {
	mu     sync.Mutex
	full   bool
	room   int // bytes that the next failing write still takes
	writes int
}

func (d *fullDisk) set(full bool, room int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.room = full, room
}

func (d *fullDisk) write(_ string, b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	if !d.full {
		return len(b), nil
	}
	n := min(d.room, len(b))
	d.room -= n
	return n, syscall.ENOSPC
}

func TestFullDiskFailsAppendsAndIsRecoveredFrom(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Relaxed, Strict} {
		for _, room := range []int{0, 1, frameBytes, frameBytes + 5, 1 << 20} {
			t.Run(fmt.Sprint(mode, "/room", room), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testFullDisk(t, mode, room) })
			})
		}
	}
}

func testFullDisk(t *testing.T, mode Mode, room int) {
	m, disk := newMemFS(), &fullDisk{}
	m.onWrite = disk.write
	trail := openMem(t, m, mode)
	mustAppend(t, trail, `{"before":1}`)

	disk.set(true, room)
	err := trail.Append(t.Context(), []byte(`{"lost":1}`))
	if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append to a full disk: %v", err)
	}
	writes := disk.writes
	if err := trail.Append(t.Context(), []byte(`{"refused":1}`)); !errors.Is(err, ErrFailed) {
		t.Errorf("append right after: %v", err)
	}
	if disk.writes != writes {
		t.Error("the refused append reached the disk")
	}
	// As long as the disk is full nobody is told that the trail is well, also
	// after an interval, and no append tries it.
	disk.set(true, 0)
	for range 3 {
		time.Sleep(retryInterval)
		synctest.Wait()
		if err := trail.Err(); !errors.Is(err, ErrFailed) {
			t.Errorf("err: %v", err)
		}
	}
	disk.set(false, 0)
	if err := trail.Append(t.Context(), []byte(`{"refused":2}`)); !errors.Is(err, ErrFailed) {
		t.Errorf("append before the interval has passed: %v", err)
	}
	time.Sleep(retryInterval)
	synctest.Wait()
	mustAppend(t, trail, `{"after":1}`, `{"after":2}`)
	mustClose(t, trail)
	want := []string{`{"before":1}`, `{"after":1}`, `{"after":2}`}
	if diff := cmp.Diff(want, readAll(t, m)); diff != "" {
		t.Error(diff)
	}
}

// What a failed write has left is cut before anything else is written, also
// when cutting fails at first.
func TestFailedCutIsTriedAgainBeforeTheNextWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testFailedCut)
}

func testFailedCut(t *testing.T) {
	m, disk, cutFails := newMemFS(), &fullDisk{}, true
	m.onWrite = disk.write
	m.onTruncate = func(string) error {
		if cutFails {
			return syscall.EIO
		}
		return nil
	}
	trail := openMem(t, m, Strict)
	disk.set(true, 50)
	for range 3 {
		if err := trail.Append(t.Context(), []byte(`{"lost":1}`)); !errors.Is(err, syscall.EIO) {
			t.Fatalf("append: %v, want the error of the cut", err)
		}
		disk.set(false, 0)
		time.Sleep(retryInterval)
		synctest.Wait()
	}
	m.hook(func() { cutFails = false })
	time.Sleep(retryInterval)
	synctest.Wait()
	mustAppend(t, trail, `{"after":1}`)
	mustClose(t, trail)
	if diff := cmp.Diff([]string{`{"after":1}`}, readAll(t, m)); diff != "" {
		t.Error(diff)
	}
}

func TestSegmentThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"create", "header"} {
		t.Run(failing, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testNoNextSegment(t, failing) })
		})
	}
}

func testNoNextSegment(t *testing.T, failing string) {
	m := newMemFS()
	trail := openMem(t, m, Strict, func(o *Options) { o.SegmentBytes = 100 })
	mustAppend(t, trail, `{"n":0}`)
	m.hook(func() {
		if failing == "create" {
			m.onCreate = func(string) error { return syscall.ENOSPC }
		} else {
			m.onWrite = func(string, []byte) (int, error) { return 10, syscall.ENOSPC }
		}
	})
	for range 2 {
		if err := trail.Append(t.Context(), []byte(`{"lost":1}`)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("append: %v", err)
		}
		time.Sleep(retryInterval)
		synctest.Wait()
	}
	m.hook(func() { m.onCreate, m.onWrite = nil, nil })
	time.Sleep(retryInterval)
	synctest.Wait()
	mustAppend(t, trail, `{"n":1}`, `{"n":2}`)
	mustClose(t, trail)
	if diff := cmp.Diff(numbered("n", 3), readAll(t, m)); diff != "" {
		t.Error(diff)
	}
}

// After a failed sync the kernel takes for clean what the disk may not have. With
// Strict that is a write that nobody was told of: it is cut, and appends go on.
func TestFailedSyncIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		trail := openMem(t, m, Strict)
		mustAppend(t, trail, `{"n":0}`)
		m.hook(func() { m.onSync = func(string) error { return syscall.EIO } })
		for range 3 {
			if err := trail.Append(t.Context(), []byte(`{"lost":1}`)); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
				t.Fatalf("append: %v", err)
			}
			time.Sleep(retryInterval)
			synctest.Wait()
		}
		m.hook(func() { m.onSync = nil })
		time.Sleep(retryInterval)
		synctest.Wait()
		mustAppend(t, trail, `{"n":1}`)
		left := m.losePower()
		mustClose(t, trail)
		for name, m := range map[string]*memFS{"closed": m, "without power": left} {
			got, err := tryReadAll(m)
			if diff := cmp.Diff(numbered("n", 2), got); diff != "" || err != nil {
				t.Errorf("%s: %v %s", name, err, diff)
			}
		}
	})
}

// With Relaxed it may be any record since the last sync: no append succeeds before
// the trail is opened anew.
func TestFailedSyncOfAcknowledgedRecordsIsFinal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		trail := openMem(t, m, Relaxed)
		mustAppend(t, trail, `{"n":0}`)
		m.hook(func() { m.onSync = func(string) error { return syscall.EIO } })
		mode := func(err error) bool { return errors.Is(err, ErrFailed) && errors.Is(err, syscall.EIO) }
		if _, err := trail.Durable(t.Context()); !mode(err) {
			t.Fatalf("durable: %v", err)
		}
		m.hook(func() { m.onSync = nil })
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := trail.Append(t.Context(), []byte(`{"refused":1}`)); !mode(err) {
			t.Errorf("append after the failed sync: %v", err)
		}
		if _, err := trail.Durable(t.Context()); !mode(err) {
			t.Errorf("durable after the failed sync: %v", err)
		}
		if err := trail.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("close: %v", err)
		}
		trail = openMem(t, m, Relaxed)
		mustAppend(t, trail, `{"n":1}`)
		mustClose(t, trail)
		if diff := cmp.Diff(numbered("n", 2), readAll(t, m)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStalledDiskFailsAppendsInTime(t *testing.T) {
	t.Parallel()
	for _, stalls := range []string{"write", "sync"} {
		t.Run(stalls, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testStall(t, stalls) })
		})
	}
}

func testStall(t *testing.T, stalls string) {
	m := newMemFS()
	trail := openMem(t, m, Strict, func(o *Options) { o.StallTimeout = 3 * time.Second })
	hold := make(chan struct{})
	if stalls == "write" {
		m.onWrite = func(_ string, b []byte) (int, error) { <-hold; return len(b), nil }
	} else {
		m.onSync = func(string) error { <-hold; return nil }
	}
	start := time.Now()
	var all sync.WaitGroup
	for i := range 8 { // the first is being written, seven wait for the next batch
		all.Go(func() {
			if err := trail.Append(t.Context(), fmt.Appendf(nil, `{"stalled":%d}`, i)); !errors.Is(err, ErrStalled) {
				t.Errorf("append: %v, want ErrStalled", err)
			}
			if waited := time.Since(start); waited != 3*time.Second {
				t.Errorf("failed after %v", waited)
			}
		})
		synctest.Wait()
	}
	all.Wait()
	if err := trail.Append(t.Context(), []byte(`{"refused":1}`)); !errors.Is(err, ErrStalled) {
		t.Errorf("append while the disk is stalled: %v", err)
	}
	if time.Since(start) != 3*time.Second {
		t.Error("the refused append waited")
	}
	close(hold)
	synctest.Wait()
	mustAppend(t, trail, `{"after":1}`)
	mustClose(t, trail)
	// The record that the disk had taken before stands there, though its call
	// failed; those that were only queued do not.
	if diff := cmp.Diff([]string{`{"stalled":0}`, `{"after":1}`}, readAll(t, m)); diff != "" {
		t.Error(diff)
	}
}

// With NoWait, accepted records outlast a full disk and a stalled one.
func TestNoWaitKeepsWhatItAccepted(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"full", "stalled"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, disk := newMemFS(), &fullDisk{}
				hold := make(chan struct{})
				trail := openMem(t, m, NoWait)
				m.onWrite = disk.write
				if fault == "stalled" {
					m.onWrite = func(_ string, b []byte) (int, error) { <-hold; return len(b), nil }
				}
				disk.set(true, 30)
				mustAppend(t, trail, `{"n":0}`)
				synctest.Wait()
				if fault == "stalled" {
					mustAppend(t, trail, `{"n":1}`)
					time.Sleep(trail.opts.StallTimeout)
					synctest.Wait()
				}
				if err := trail.Append(t.Context(), []byte(`{"refused":1}`)); err == nil {
					t.Error("append to a disk that failed: accepted")
				}
				disk.set(false, 0)
				close(hold)
				time.Sleep(retryInterval)
				synctest.Wait()
				mustAppend(t, trail, `{"n":2}`)
				mustClose(t, trail)
				want := []string{`{"n":0}`, `{"n":2}`}
				if fault == "stalled" {
					want = numbered("n", 3)
				}
				if diff := cmp.Diff(want, readAll(t, m)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestCloseSaysWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	m, disk := newMemFS(), &fullDisk{}
	trail := openMem(t, m, NoWait)
	m.onWrite = disk.write
	disk.set(true, 10)
	mustAppend(t, trail, `{"n":0}`)
	if err := trail.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v, want ErrFailed", err)
	}
	if lost := trail.Stats().Lost; lost != 1 {
		t.Errorf("lost: %d, want 1", lost)
	}
	if got := readAll(t, m); len(got) != 0 {
		t.Errorf("records: %v", got)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := newMemFS()
	trail := openMem(t, m, Strict)
	mustAppend(t, trail, numbered("n", 3)...)
	mustClose(t, trail)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, testDir, Options{Node: testNode, Mode: Strict, fs: m}); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
}
