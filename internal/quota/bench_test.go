package quota_test

import (
	"log/slog"
	"testing"

	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// BenchmarkFirstCount is what the first CreateKey of an account with 100,000
// keys, or the first status of a Region with them, waits for after a start.
func BenchmarkFirstCount(b *testing.B) {
	s, err := sqlite.Open(b.Context(), b.TempDir()+"/store", sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	value := make([]byte, 250) // about what a key record has
	for i := 0; i < 100_000; i += store.MaxOps {
		var ops []store.Op
		for j := range store.MaxOps {
			ops = append(ops, store.Op{Key: record.KeyPath(region, account, id(i+j)), Value: value})
		}
		if _, _, err := s.Txn(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		k := quota.NewKeys(s, 1)
		if n, err := k.Total(b.Context(), region); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
		k.Close()
	}
}
