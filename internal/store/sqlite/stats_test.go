package sqlite

import (
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/store"
)

// TestStats counts what happened, and the hooks are told of each transaction
// and of each group.
func TestStats(t *testing.T) {
	t.Parallel()
	var txns, groups, grouped atomic.Int64
	s, err := Open(t.Context(), t.TempDir(), Options{Hooks: Hooks{
		Txn:   func(time.Duration) { txns.Add(1) },
		Group: func(n int) { groups.Add(1); grouped.Add(int64(n)) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := []byte("k")
	for range 3 { // the first makes it, the others fail on its absence
		if _, _, err := s.Txn(t.Context(), []store.Cmp{{Key: key}}, []store.Op{{Key: key, Value: []byte("v")}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Get(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.Range(t.Context(), nil, nil, 1); err != nil {
		t.Fatal(err)
	}
	got := s.Stats()
	if got.FileBytes == 0 || got.LogBytes == 0 {
		t.Errorf("files of %d and %d bytes", got.FileBytes, got.LogBytes)
	}
	got.FileBytes, got.LogBytes = 0, 0
	if want := (Stats{Committed: 1, Conflicts: 2, Reads: 2, Revision: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if txns.Load() != 3 || grouped.Load() != 3 || groups.Load() == 0 {
		t.Errorf("%d transactions, %d in %d groups are told", txns.Load(), grouped.Load(), groups.Load())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Err() == nil {
		t.Error("a closed store takes writes")
	}
}
