package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lib "modernc.org/sqlite/lib"

	"trent/internal/store"
)

// put commits a key and says what came of it.
func put(t *testing.T, s *Store, key string) error {
	ok, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte(key), Value: bytes.Repeat([]byte("x"), 5000)}})
	if err == nil && !ok {
		err = errors.New("refused")
	}
	return err
}

// keys are those that the store has, in order.
func keys(t *testing.T, s *Store) (all string) {
	t.Helper()
	kvs, _, _, err := s.Range(t.Context(), nil, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range kvs {
		all += string(kv.Key)
	}
	return all
}

// TestAFullDiskIsOutlasted: while the log cannot be written each transaction fails,
// applies nothing, now or after a crash, and is told of to nobody; then all goes on.
func TestAFullDiskIsOutlasted(t *testing.T) {
	t.Parallel()
	lossy() // makes the VFS known
	for name, code := range map[string]int32{"full": lib.SQLITE_FULL, "other error": lib.SQLITE_IOERR_WRITE, "sync": lib.SQLITE_IOERR_FSYNC} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testFull(t, code) })
		})
	}
}

func testFull(t *testing.T, code int32) {
	dir := t.TempDir()
	var log bytes.Buffer
	s, err := Open(t.Context(), dir, Options{vfs: lossyName, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	observed := 0
	defer s.Observe(func(store.Rev, []store.Event) { observed++ })()
	harm := func(harmed bool) {
		switch {
		case code == lib.SQLITE_IOERR_FSYNC:
			lossy().breakDisk(dir, harmed)
		case harmed:
			lossy().fillDisk(dir, code)
		default:
			lossy().fillDisk(dir, lib.SQLITE_OK)
		}
	}
	harm(true)
	if err := put(t, s, "b"); err == nil || errors.Is(err, store.ErrUnknown) != (code != lib.SQLITE_FULL) {
		t.Errorf("with no room: %v", err)
	}
	for range 3 {
		if err := put(t, s, "c"); err == nil || errors.Is(err, store.ErrUnknown) {
			t.Errorf("while there is no room: %v, want a refusal", err)
		}
		if s.Err() == nil {
			t.Error("Err: nil")
		}
		if got := keys(t, s); got != "a" || observed != 0 {
			t.Errorf("applied: %q, %d observed", got, observed)
		}
		time.Sleep(retryInterval)
		synctest.Wait()
	}
	crashed := openDir(t, lossy().powerLoss(t, dir, nil))
	if got := keys(t, crashed); got != "a" {
		t.Errorf("after a crash: %q", got)
	}
	harm(false)
	time.Sleep(retryInterval)
	synctest.Wait()
	if err := put(t, s, "d"); err != nil || s.Err() != nil || observed != 1 {
		t.Errorf("with room again: %v, %v, %d observed", err, s.Err(), observed)
	}
	if got := keys(t, s); got != "ad" {
		t.Errorf("in the end: %q", got)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("log: %s", log.String())
	}
	if err := errors.Join(crashed.Close(), s.Close(), integrity(dir)); err != nil {
		t.Error(err)
	}
}

// TestSyncsThatFail: syncs fail at any time, of the log and of the database, and what
// they were to sync is lost, as the kernel does it. Whatever the engine makes of
// that, each acknowledged transaction outlasts a loss of power at any moment, and
// those that failed are there whole or not at all.
func TestSyncsThatFail(t *testing.T) {
	t.Parallel()
	lossy() // makes the VFS known
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	again, forGood := 0, 0
	rounds := 3
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 50
	}
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(t.Context(), dir, Options{vfs: lossyName, checkpointEvery: 6})
			if err != nil {
				t.Fatal(err)
			}
			acknowledged, broken := map[string]bool{}, false
			for i := 0; i < 40 && s.failed.Load() == nil; i++ {
				if random.IntN(6) == 0 {
					broken = !broken
					lossy().breakDisk(dir, broken)
				}
				refused := s.Err() != nil
				key := fmt.Sprintf("%02d ", i)
				if err := put(t, s, key); err == nil {
					acknowledged[key] = true
					if refused {
						t.Error("written while writes are refused")
					}
				} else if !broken {
					time.Sleep(2 * retryInterval)
					again++
				}
				image := openDir(t, lossy().powerLoss(t, dir, nil))
				got := keys(t, image)
				for key := range acknowledged {
					if !strings.Contains(got, key) {
						t.Errorf("%s was acknowledged and is lost: %s", key, got)
					}
				}
				if err := errors.Join(image.Close(), integrity(image.dir)); err != nil {
					t.Error(err)
				}
			}
			if s.failed.Load() != nil {
				forGood++
			}
			lossy().breakDisk(dir, false)
			s.Close() // its checkpoint may be told of an old failure
		})
	}
	t.Logf("refused, and written again: %d; refused for good: %d", again, forGood)
	if again == 0 {
		t.Error("no sync failed")
	}
}

// TestAStalledDisk: nobody waits for longer than StallTimeout: not the transaction
// that the disk has begun with, whose outcome is unknown, nor those behind it,
// which are not applied; and once that is known nobody waits at all.
func TestAStalledDisk(t *testing.T) {
	t.Parallel()
	lossy() // makes the VFS known
	synctest.Test(t, testStalled)
}

func testStalled(t *testing.T) {
	dir := t.TempDir()
	const timeout = 3 * time.Second
	s, err := Open(t.Context(), dir, Options{vfs: lossyName, StallTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	observed := ""
	defer s.Observe(func(_ store.Rev, events []store.Event) {
		mu.Lock()
		defer mu.Unlock()
		observed += string(events[0].Key)
	})()
	mend := lossy().stallDisk(dir)
	began := time.Now()
	var all sync.WaitGroup
	for i := range 2 * maxGroupTxns { // the queue has no room for all of them
		all.Go(func() {
			err := put(t, s, "b")
			if !errors.Is(err, store.ErrStalled) || errors.Is(err, store.ErrUnknown) != (i == 0) {
				t.Errorf("transaction %d: %v", i, err)
			}
			if took := time.Since(began); took != timeout {
				t.Errorf("transaction %d waited for %v", i, took)
			}
		})
		if i == 0 {
			synctest.Wait()
		}
	}
	all.Wait()
	if err := put(t, s, "c"); !errors.Is(err, store.ErrStalled) || errors.Is(err, store.ErrUnknown) || time.Since(began) != timeout {
		t.Errorf("once it is known: %v after %v", err, time.Since(began))
	}
	if !errors.Is(s.Err(), store.ErrStalled) {
		t.Errorf("Err: %v", s.Err())
	}
	mend()
	synctest.Wait()
	if err := put(t, s, "d"); err != nil || s.Err() != nil {
		t.Errorf("when it answers again: %v, %v", err, s.Err())
	}
	mu.Lock()
	defer mu.Unlock()
	if got := keys(t, s); got != "abd" || observed != "bd" {
		t.Errorf("in the end %q, observed %q", got, observed)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
