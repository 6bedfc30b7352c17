// Package storetest owns the one conformance suite that every engine of the
// store contract passes: Run for what the contract says, Crash for what is
// left after kill -9. It knows engines only through Engine and must never
// import one. Only tests import it.
//
// Some tests need a second process: they start the test binary anew with
// environment variables that make Run or Crash play the second part.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/store"
)

// Engine is what the suite knows of an engine.
type Engine struct {
	// New makes a place for an empty store: a folder, an endpoint.
	New func(t *testing.T) (place string)
	// Open opens the store at a place.
	Open func(ctx context.Context, place string) (store.Store, error)
	// Exclusive says that only one process may have a place open.
	Exclusive bool
	// Check looks for damage in the store at a place, which is not open.
	Check func(place string) error
}

// The environment of a second process.
const (
	roleVar  = "TRENT_STORETEST_ROLE"
	placeVar = "TRENT_STORETEST_PLACE"
)

// Run runs the suite. A test that calls it must call nothing else.
func Run(t *testing.T, e Engine) {
	if os.Getenv(roleVar) == "open" {
		secondProcess(e)
		return
	}
	for name, test := range map[string]func(*testing.T, Engine){
		"CompareAndSwap":       compareAndSwap,
		"AllOrNothing":         allOrNothing,
		"Revisions":            revisions,
		"ConcurrentCounter":    concurrentCounter,
		"OwnSlices":            ownSlices,
		"Reopen":               reopen,
		"Limits":               limits,
		"CancelledContext":     cancelledContext,
		"CancelDuringTxn":      cancelDuringTxn,
		"Closed":               closed,
		"CloseWaits":           closeWaits,
		"Session":              session,
		"SecondProcess":        second,
		"RangeBounds":          rangeBounds,
		"RangeOneRevision":     rangeOneRevision,
		"RangePages":           rangePages,
		"ObserveOrder":         observeOrder,
		"ObserveStop":          observeStop,
		"WatchFromNow":         watchFromNow,
		"WatchNoGaps":          watchNoGaps,
		"WatchCompacted":       watchCompacted,
		"WatchEnds":            watchEnds,
		"SnapshotRestore":      snapshotRestore,
		"SnapshotUnderWrites":  snapshotUnderWrites,
		"RestoreRefusesDamage": restoreRefusesDamage,
		"RestoreRefusesFull":   restoreRefusesFull,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// open opens a new, empty store for the length of a test.
func (e Engine) open(t *testing.T) store.Store { return e.reopen(t, e.New(t)) }

// reopen opens the store at a place for the length of a test.
func (e Engine) reopen(t *testing.T, place string) store.Store {
	t.Helper()
	s, err := e.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// again is a command that runs the calling test in a second process.
func again(t *testing.T, role, place string) *exec.Cmd {
	top, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+top+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), roleVar+"="+role, placeVar+"="+place)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// second proves that a second process is refused while the store is open, and
// that it is not once the store is closed.
func second(t *testing.T, e Engine) {
	if !e.Exclusive {
		return
	}
	place := e.New(t)
	s := e.reopen(t, place)
	out, err := again(t, "open", place).Output()
	if err != nil || !bytes.HasPrefix(out, []byte("locked\nPASS")) {
		t.Fatalf("second process while open: %q, %v; want locked", out, err)
	}
	if _, err := e.Open(t.Context(), place); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("second store of this process: %v, want ErrLocked", err)
	}
	put(t, s, "still", "usable")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out, err = again(t, "open", place).Output()
	if err != nil || !bytes.HasPrefix(out, []byte("opened\nPASS")) {
		t.Fatalf("second process after close: %q, %v; want opened", out, err)
	}
}

// secondProcess is second's other part.
func secondProcess(e Engine) {
	s, err := e.Open(context.Background(), os.Getenv(placeVar))
	switch {
	case errors.Is(err, store.ErrLocked):
		fmt.Println("locked")
	case err != nil:
		fmt.Println("failed:", err)
	default:
		fmt.Println("opened")
		if err := s.Close(); err != nil {
			fmt.Println("failed:", err)
		}
	}
}

// Helpers of the tests.

func key(parts ...any) []byte { return fmt.Append(nil, parts...) }

func putOp(k, v string) store.Op { return store.Op{Key: []byte(k), Value: []byte(v)} }
func delOp(k string) store.Op    { return store.Op{Key: []byte(k), Delete: true} }

// absent and is are conditions.
func absent(k string) store.Cmp            { return store.Cmp{Key: []byte(k)} }
func is(k string, mod store.Rev) store.Cmp { return store.Cmp{Key: []byte(k), Mod: mod} }

// apply is a Txn without conditions, which always succeeds.
func apply(t testing.TB, s store.Store, ops ...store.Op) store.Rev {
	t.Helper()
	ok, rev, err := s.Txn(t.Context(), nil, ops)
	if !ok || err != nil {
		t.Fatalf("Txn: %v, %v", ok, err)
	}
	return rev
}

func put(t testing.TB, s store.Store, k, v string) store.Rev {
	t.Helper()
	return apply(t, s, putOp(k, v))
}

// wantGet checks a key's value; "" with mod 0 is an absent key.
func wantGet(t *testing.T, s store.Store, k, v string, create, mod store.Rev) {
	t.Helper()
	kv, _, err := s.Get(t.Context(), []byte(k))
	if mod == 0 {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get(%s): %v, %v; want ErrNotFound", k, kv, err)
		}
		return
	}
	want := store.KV{Key: []byte(k), Value: []byte(v), Create: create, Mod: mod}
	if diff := cmp.Diff(want, kv); err != nil || diff != "" {
		t.Errorf("Get(%s): %v\n%s", k, err, diff)
	}
}

// all reads the whole store in one Range.
func all(t testing.TB, s store.Store) ([]store.KV, store.Rev) {
	t.Helper()
	kvs, more, rev, err := s.Range(t.Context(), nil, nil, 1<<20)
	if err != nil || more {
		t.Fatalf("Range of everything: more %v, %v", more, err)
	}
	return kvs, rev
}
