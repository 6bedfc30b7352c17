package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const region = "eu-central-1"

var testRegions = []string{record.Global, region}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// faultyStore is a store whose deletes of outbox rows meet a hook first; if it
// returns an error, applied says whether the delete is done all the same.
type faultyStore struct {
	store.Store
	onDelete func() (applied bool, err error)
}

func (f *faultyStore) Txn(ctx context.Context, cmps []store.Cmp, ops []store.Op) (bool, store.Rev, error) {
	if f.onDelete == nil || !ops[0].Delete {
		return f.Store.Txn(ctx, cmps, ops)
	}
	applied, err := f.onDelete()
	if err == nil {
		return f.Store.Txn(ctx, cmps, ops)
	}
	if applied {
		if _, _, err := f.Store.Txn(ctx, cmps, ops); err != nil {
			return false, 0, err
		}
	}
	return false, 0, err
}

// testSealer seals the rows of every Region.
var testSealer = func() *record.Sealer {
	s, err := record.NewSealer(secret.New(make([]byte, record.MACKeyLen)))
	if err != nil {
		panic(err) // the length is right
	}
	return s
}()

func testRecords(context.Context, string) (*record.Sealer, error) { return testSealer, nil }

// mutate commits n mutations with their events, and returns the events.
func mutate(t testing.TB, s store.Store, region string, ids *IDs, n int) []string {
	t.Helper()
	events := make([]string, n)
	for i := range events {
		id := ids.New()
		events[i] = fmt.Sprintf(`{"requestParameters":{"eventID":"forged"},"eventID":%q,"n":%d}`, id, i)
		row, err := OutboxOp(testSealer, region, id, []byte(events[i]))
		if err != nil {
			t.Fatal(err)
		}
		ops := []store.Op{{Key: []byte(region + "/k/000000000000/" + id), Value: []byte("key")}, row}
		if ok, _, err := s.Txn(context.Background(), nil, ops); err != nil || !ok {
			t.Fatalf("mutation: %v, %v", ok, err)
		}
	}
	return events
}

func countRows(t testing.TB, s store.Store) (n int) {
	t.Helper()
	for _, region := range testRegions {
		prefix := record.OutboxPrefix(region)
		kvs, _, _, err := s.Range(context.Background(), prefix, record.PrefixEnd(prefix), 100000)
		if err != nil {
			t.Fatal(err)
		}
		n += len(kvs)
	}
	return n
}

// eachOnce checks that every event stands in the trail exactly once.
func eachOnce(t testing.TB, m *memFS, events []string) {
	t.Helper()
	got := slices.DeleteFunc(readAll(t, m), func(r string) bool { return !strings.Contains(r, "eventID") })
	want := slices.Clone(events)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// mustDrain drains what is left, by a new outbox, as a start does.
func mustDrain(t testing.TB, s store.Store, trail *Trail) {
	t.Helper()
	if err := newTestOutbox(t, s, trail).Drain(t.Context(), testRegions); err != nil {
		t.Fatalf("drain: %v", err)
	}
	if n := countRows(t, s); n != 0 {
		t.Fatalf("%d rows left", n)
	}
}

// newTestOutbox makes an outbox that retries without delay.
func newTestOutbox(t testing.TB, s store.Store, trail *Trail) *Outbox {
	t.Helper()
	b := NewOutbox(s, trail, testRecords, OutboxOptions{Linger: time.Nanosecond, RetryAfter: time.Nanosecond})
	t.Cleanup(b.stop)
	return b
}

func TestCommittedMutationsReachTheTrail(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m, s, ids := newMemFS(), openStore(t), &IDs{}
			events := mutate(t, s, region, ids, 250) // left by an earlier run
			trail := openMem(t, m, mode)
			box := newTestOutbox(t, s, trail)
			if err := box.Drain(t.Context(), testRegions); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- box.Run(ctx) }()
			var all sync.WaitGroup
			var mu sync.Mutex
			for range 4 {
				all.Go(func() {
					mine := append(mutate(t, s, region, ids, 20), mutate(t, s, record.Global, ids, 5)...)
					mustAppend(t, trail, `{"a call":1}`)
					mu.Lock()
					defer mu.Unlock()
					events = append(events, mine...)
				})
			}
			all.Wait()
			cancel()
			if err := <-done; err != nil {
				t.Fatalf("run: %v", err)
			}
			if n := countRows(t, s); n != 0 {
				t.Errorf("%d rows left", n)
			}
			// The rows are gone, so whatever the mode no loss of power may take the records.
			left := m.losePower()
			mustClose(t, openMem(t, left, mode))
			eachOnce(t, left, events)
			mustClose(t, trail)
			eachOnce(t, m, events)
		})
	}
}

// The control of the test above: with a sync that does nothing it fails.
func TestUnsyncedRecordsOfDeletedRowsAreLost(t *testing.T) {
	t.Parallel()
	m, s := newMemFS(), openStore(t)
	mutate(t, s, region, &IDs{}, 3)
	m.noSync = true
	trail := openMem(t, m, Relaxed)
	mustDrain(t, s, trail)
	left := m.losePower()
	mustClose(t, openMem(t, left, Relaxed))
	if got := readAll(t, left); len(got) != 0 {
		t.Errorf("records after the loss of power: %v", got)
	}
	mustClose(t, trail)
}

// crashPoint is what stands on disk at one moment of a run.
type crashPoint struct {
	name  string
	files *memFS
	rows  []store.KV
}

// crashPoints collects the moments of a run, killed and with the power lost.
type crashPoints struct {
	mu    sync.Mutex
	files *memFS
	store store.Store
	list  []crashPoint

	partly func() *memFS // takes the power and leaves a part of what was not synced

	failed error // of reading the store
}

func (c *crashPoints) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows, _, _, err := c.store.Range(context.Background(), []byte{0}, nil, 100000)
	if err != nil {
		c.failed = err
	}
	c.list = append(c.list,
		crashPoint{name + ", killed", c.files.kill(), rows},
		crashPoint{name + ", power lost", c.files.losePower(), rows},
		crashPoint{name + ", some of what was not synced lost", c.partly(), rows})
}

// TestCrashAtEveryStep stops the world before each write, sync and delete of a
// run and after it, by killing the process and by taking the power away, and
// starts again: every committed mutation has one record.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	rounds := 2
	if soak() {
		rounds = 8
	}
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m, real, ids := newMemFS(), openStore(t), &IDs{}
			points := &crashPoints{files: m, store: real, partly: m.loseEnds}
			if mode == Strict {
				points.partly = m.loseSectors
			}
			trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes = 1000 })
			m.hook(func() {
				m.onWrite = func(_ string, b []byte) (int, error) { points.add("before a write"); return len(b), nil }
				m.onSync = func(string) error { points.add("before a sync"); return nil }
			})
			s := &faultyStore{Store: real, onDelete: func() (bool, error) { points.add("before a delete"); return false, nil }}
			box := newTestOutbox(t, s, trail)
			for range rounds {
				mutate(t, real, region, ids, 5)
				if err := box.Drain(t.Context(), testRegions); err != nil {
					t.Fatal(err)
				}
				points.add("after a delete")
				mustAppend(t, trail, `{"a call":1}`)
			}
			m.hook(func() { m.onWrite, m.onSync = nil, nil })
			mustClose(t, trail)
			if points.failed != nil {
				t.Fatal(points.failed)
			}
			again := openStore(t)
			for _, p := range points.list {
				setRows(t, again, p.rows)
				startAfterCrash(t, again, mode, p)
			}
		})
	}
}

// setRows makes the store hold these rows and no others.
func setRows(t *testing.T, s store.Store, rows []store.KV) {
	t.Helper()
	old, _, _, err := s.Range(t.Context(), []byte{0}, nil, 100000)
	if err != nil {
		t.Fatal(err)
	}
	put := map[string]bool{}
	var ops []store.Op
	for _, kv := range rows {
		put[string(kv.Key)] = true
		ops = append(ops, store.Op{Key: kv.Key, Value: kv.Value})
	}
	for _, kv := range old {
		if !put[string(kv.Key)] {
			ops = append(ops, store.Op{Key: kv.Key, Delete: true})
		}
	}
	for chunk := range slices.Chunk(ops, store.MaxOps) {
		if ok, _, err := s.Txn(t.Context(), nil, chunk); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
}

// startAfterCrash starts twice, since a start may crash as well.
func startAfterCrash(t *testing.T, s store.Store, mode Mode, p crashPoint) {
	t.Helper()
	failing := &faultyStore{Store: s, onDelete: func() (bool, error) { return false, errors.New("store fails") }}
	trail := openMem(t, p.files, mode)
	if countRows(t, s) > 0 {
		if err := newTestOutbox(t, failing, trail).Drain(t.Context(), testRegions); err == nil {
			t.Fatalf("%s: drained by a store that fails", p.name)
		}
	}
	mustClose(t, trail)
	trail = openMem(t, p.files, mode)
	mustDrain(t, s, trail)
	mustAppend(t, trail, `{"a call":1}`)
	mustClose(t, trail)

	var want, got []string // event ids: of the mutations, of their records
	prefix := record.KeyPrefix(region, "000000000000")
	keys, _, _, err := s.Range(t.Context(), prefix, record.PrefixEnd(prefix), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range keys {
		want = append(want, string(kv.Key[len(prefix):]))
	}
	for _, r := range readAll(t, p.files) {
		if id := eventID([]byte(r)); id != "" {
			got = append(got, id)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: %s", p.name, diff)
	}
}

// A killed process leaves a record that no loss of power may take any more
// once the next start has deleted its row, though that start did not write it.
func TestRecordOfAKilledRunIsSyncedBeforeItsRowIsDeleted(t *testing.T) {
	t.Parallel()
	m, s := newMemFS(), openStore(t)
	events := mutate(t, s, region, &IDs{}, 3)
	trail := openMem(t, m, Relaxed)
	mustAppend(t, trail, events...) // written, not synced
	killed := m.kill()
	mustClose(t, trail)
	trail = openMem(t, killed, Relaxed)
	mustDrain(t, s, trail)
	left := killed.losePower()
	mustClose(t, trail)
	mustClose(t, openMem(t, left, Relaxed))
	eachOnce(t, left, events)
}

// A delete whose outcome is unknown, or that fails, is tried again without a
// second record, however much is appended meanwhile; and until it is done no
// new segment is begun, so that the next start would find the records.
func TestFailingDeletes(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			t.Parallel()
			m, real := newMemFS(), openStore(t)
			s := &faultyStore{Store: real}
			trail := openMem(t, m, Relaxed, func(o *Options) { o.SegmentBytes = 1000 })
			box := newTestOutbox(t, s, trail)
			if err := box.Drain(t.Context(), testRegions); err != nil {
				t.Fatal(err)
			}
			events := mutate(t, real, region, &IDs{}, 5)
			s.onDelete = func() (bool, error) { return applied, store.ErrUnknown }
			for range 3 {
				if err := box.flushDirty(t.Context()); !errors.Is(err, store.ErrUnknown) {
					t.Fatalf("flush: %v", err)
				}
				mustAppend(t, trail, numbered("call", 20)...)
			}
			if n := len(m.segments()); n != 1 {
				t.Errorf("%d segments while rows wait to be deleted, want 1", n)
			}
			s.onDelete = nil
			if err := box.flushDirty(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, trail, numbered("call", 20)...)
			if n := len(m.segments()); n < 2 {
				t.Error("no new segment after the rows were deleted")
			}
			if n := countRows(t, real); n != 0 {
				t.Errorf("%d rows left", n)
			}
			mustClose(t, trail)
			eachOnce(t, m, events)
		})
	}
}

// While the trail cannot be written rows stay in the store, and reach it later.
func TestRowsOutlastAFailingTrail(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Relaxed, Strict} {
		for _, fault := range []string{"write", "sync"} {
			t.Run(mode.String()+"/"+fault, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testFailingTrail(t, mode, fault) })
			})
		}
	}
}

func testFailingTrail(t *testing.T, mode Mode, fault string) {
	m, s := newMemFS(), openStore(t)
	trail := openMem(t, m, mode)
	box := newTestOutbox(t, s, trail)
	if err := box.Drain(t.Context(), testRegions); err != nil {
		t.Fatal(err)
	}
	m.hook(func() {
		if fault == "write" {
			m.onWrite = func(string, []byte) (int, error) { return 100, syscall.ENOSPC }
		} else {
			m.onSync = func(string) error { return syscall.EIO }
		}
	})
	events := mutate(t, s, region, &IDs{}, 5)
	for range 2 {
		if err := box.flushDirty(t.Context()); !errors.Is(err, ErrFailed) {
			t.Fatalf("flush: %v", err)
		}
	}
	m.hook(func() { m.onWrite, m.onSync = nil, nil })
	time.Sleep(retryInterval)
	synctest.Wait()
	if n := countRows(t, s); n != 5 {
		t.Errorf("%d rows in the store, want all", n)
	}
	err := box.flushDirty(t.Context())
	if final := mode == Relaxed && fault == "sync"; !final && err != nil {
		t.Fatal(err)
	} else if final { // only a new start can know what is on the disk
		if !errors.Is(err, ErrFailed) {
			t.Fatalf("flush after a failed sync: %v", err)
		}
		if err := trail.Close(); err == nil {
			t.Error("close after a failed sync: no error")
		}
		trail = openMem(t, m, mode)
		mustDrain(t, s, trail)
	}
	mustClose(t, trail)
	eachOnce(t, m, events)
}

func TestDrainMustComeFirst(t *testing.T) {
	t.Parallel()
	trail := openMem(t, newMemFS(), Strict)
	mustAppend(t, trail, `{"a call":1}`)
	if err := newTestOutbox(t, openStore(t), trail).Drain(t.Context(), testRegions); err == nil {
		t.Error("drained after an append")
	}
	mustClose(t, trail)
}

// With NoWait and a full disk a stop does not hang: rows stay for the next
// start.
func TestRunEndsThoughTheDiskIsFull(t *testing.T) {
	t.Parallel()
	m, s := newMemFS(), openStore(t)
	trail := openMem(t, m, NoWait)
	box := NewOutbox(s, trail, testRecords, OutboxOptions{CloseTimeout: time.Millisecond})
	if err := box.Drain(t.Context(), testRegions); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.hook(func() {
		m.onWrite = func(string, []byte) (int, error) { cancel(); return 0, syscall.ENOSPC }
	})
	events := mutate(t, s, region, &IDs{}, 5)
	if err := box.Run(ctx); err == nil {
		t.Error("run: no error")
	}
	if err := trail.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
	m.hook(func() { m.onWrite = nil })
	trail = openMem(t, m, NoWait)
	mustDrain(t, s, trail)
	mustClose(t, trail)
	eachOnce(t, m, events)
}

func TestOutboxRegion(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"eu-central-1/o/abc": "eu-central-1", "global/o/x": "global", "eu-central-1/o/": "", "eu-central-1/k/o/x": "", "o/x": "", "": "", "a/ok/x": "",
	} {
		if got, ok := outboxRegion([]byte(key)); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", key, got, ok)
		}
	}
}
