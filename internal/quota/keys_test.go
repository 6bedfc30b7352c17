package quota_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"trent/internal/apierr"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	other   = "444455556666"
)

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir()+"/store", sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func counter(t *testing.T, s store.Store, limit int) *quota.Keys {
	t.Helper()
	k := quota.NewKeys(s, limit)
	t.Cleanup(k.Close)
	return k
}

func id(n int) string { return fmt.Sprintf("key-%06d", n) }

func put(region, account, id string) store.Op {
	return store.Op{Key: record.KeyPath(region, account, id), Value: []byte("v")}
}

func remove(region, account, id string) store.Op {
	return store.Op{Key: record.KeyPath(region, account, id), Delete: true}
}

func apply(t *testing.T, s store.Store, ops ...store.Op) {
	t.Helper()
	for len(ops) > 0 {
		n := min(len(ops), store.MaxOps)
		if _, _, err := s.Txn(t.Context(), nil, ops[:n]); err != nil {
			t.Fatal(err)
		}
		ops = ops[n:]
	}
}

func count(t *testing.T, k *quota.Keys, account string) int {
	t.Helper()
	n, err := k.Count(t.Context(), region, account)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func total(t *testing.T, k *quota.Keys, region string) int {
	t.Helper()
	n, err := k.Total(t.Context(), region)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCounts: keys are counted by account and Region, and nothing else is.
func TestCounts(t *testing.T) {
	t.Parallel()
	s := open(t)
	early := counter(t, s, 10)
	if n := count(t, early, account); n != 0 {
		t.Errorf("%d keys in an empty store", n)
	}
	apply(t, s, put(region, account, "a"), put(region, account, "b"), put(region, other, "a"), put("us-east-1", account, "a"))
	apply(t, s, put(region, account, "a")) // changed
	for _, path := range [][]byte{
		record.PolicyPath(region, account, "a"), record.TagsPath(region, account, "a"), record.AliasOfKeyPath(region, account, "a", "k/"+account+"/x"),
		record.AliasPath(region, account, "k/b"), []byte("k/k/k"), []byte("/k/"), []byte("x/k/y"),
	} {
		apply(t, s, store.Op{Key: path, Value: []byte("v")})
	}
	late := counter(t, s, 10)
	for _, k := range []*quota.Keys{early, late} {
		if a, b, all, abroad := count(t, k, account), count(t, k, other), total(t, k, region), total(t, k, "us-east-1"); a != 2 || b != 1 || all != 3 || abroad != 1 {
			t.Errorf("%d and %d keys, %d in the Region, %d abroad", a, b, all, abroad)
		}
	}
	apply(t, s, remove(region, account, "a"), remove(region, account, "absent"), remove(region, other, "a"))
	for _, k := range []*quota.Keys{early, late} {
		if a, b, all := count(t, k, account), count(t, k, other), total(t, k, region); a != 1 || b != 0 || all != 1 {
			t.Errorf("after deletions %d and %d keys, %d in the Region", a, b, all)
		}
	}
}

// TestCountsWhileKeysComeAndGo: a count that is read while the store changes is
// exact all the same.
func TestCountsWhileKeysComeAndGo(t *testing.T) {
	t.Parallel()
	s := open(t)
	var ops []store.Op
	for i := range 3_000 {
		ops = append(ops, put(region, account, id(2*i)))
	}
	apply(t, s, ops...)
	const rounds, writers = 4, 4
	var have atomic.Int64
	have.Store(3_000)
	for range rounds {
		k := quota.NewKeys(s, 1)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for range 12 {
					n := 2*(writers*rand.IntN(3_000/writers)+w) + rand.IntN(2) // each writer has keys of its own
					path := record.KeyPath(region, account, id(n))
					_, _, err := s.Get(context.Background(), path)
					op, by := remove(region, account, id(n)), -1
					if errors.Is(err, store.ErrNotFound) {
						op, by = put(region, account, id(n)), 1
					}
					if _, _, err := s.Txn(context.Background(), nil, []store.Op{op}); err != nil {
						t.Error(err)
					}
					have.Add(int64(by))
				}
			})
		}
		for range 3 {
			all.Go(func() {
				if _, err := k.Count(t.Context(), region, account); err != nil {
					t.Error(err)
				}
				if _, err := k.Total(t.Context(), region); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n, sum := count(t, k, account), total(t, k, region); n != int(have.Load()) || sum != n {
			t.Errorf("%d keys, %d in the Region, want %d", n, sum, have.Load())
		}
		k.Close()
	}
}

// reserve takes a place, and says whether there was one.
func reserve(t *testing.T, k *quota.Keys, keyID string) (release func(), ok bool) {
	t.Helper()
	release, err := k.Reserve(t.Context(), region, account, keyID)
	if e, is := errors.AsType[*apierr.Error](err); is && e.Code == apierr.LimitExceeded {
		return nil, false
	}
	if err != nil {
		t.Error(err)
		return nil, false
	}
	return release, true
}

// TestReservations: however many make keys at once, as many come through as
// there are places; who fails gives his place back, and so does a deletion.
func TestReservations(t *testing.T) {
	t.Parallel()
	s := open(t)
	apply(t, s, put(region, account, "first"), put(region, other, "x"))
	k := counter(t, s, 8)
	var all sync.WaitGroup
	var made, refused atomic.Int64
	for i := range 16 {
		all.Go(func() {
			release, ok := reserve(t, k, id(i))
			if !ok {
				refused.Add(1)
				return
			}
			defer release()
			if _, _, err := s.Txn(t.Context(), nil, []store.Op{put(region, account, id(i))}); err != nil {
				t.Error(err)
			}
			made.Add(1)
		})
	}
	all.Wait()
	if made.Load() != 7 || refused.Load() != 9 || count(t, k, account) != 8 {
		t.Errorf("%d made, %d refused, %d counted", made.Load(), refused.Load(), count(t, k, account))
	}
	_, err := k.Reserve(t.Context(), region, account, "more")
	if want := "LimitExceededException: Key quota for this account in this region is 8 but the current usage is 8."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}

	apply(t, s, remove(region, account, "first"))
	failed, ok := reserve(t, k, "fails")
	if !ok {
		t.Fatal("a deletion made no place")
	}
	if _, ok := reserve(t, k, "more"); ok {
		t.Error("a place was given twice")
	}
	failed()
	failed() // nothing more to give back
	kept, ok := reserve(t, k, "kept")
	if !ok {
		t.Fatal("a failure gave no place back")
	}
	apply(t, s, put(region, account, "kept"))
	kept()
	if _, ok := reserve(t, k, "more"); ok || count(t, k, account) != 8 {
		t.Errorf("%d keys, and one more", count(t, k, account))
	}
}

// TestACommittedKeyHoldsOnePlace: between its commit and its release too.
func TestACommittedKeyHoldsOnePlace(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := counter(t, s, 2)
	release, ok := reserve(t, k, "a")
	if !ok {
		t.Fatal("no place")
	}
	apply(t, s, put(region, account, "a"))
	if _, ok := reserve(t, k, "b"); !ok {
		t.Error("a key held two places")
	}
	release()
	if _, ok := reserve(t, k, "c"); ok {
		t.Error("three keys of two")
	}
}

// TestAFailedCountIsMadeAgain: whoever comes next.
func TestAFailedCountIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	apply(t, s, put(region, account, "a"))
	k := counter(t, s, 2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := k.Count(gone, region, account); !errors.Is(err, context.Canceled) {
		t.Errorf("got %d, %v", n, err)
	}
	if n := count(t, k, account); n != 1 {
		t.Errorf("%d keys, want 1", n)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	if got, err := (quota.Limits{}).Complete(); err != nil || got != quota.AWS() {
		t.Errorf("got %+v, %v", got, err)
	}
	mine := quota.Limits{Keys: 1, AliasesPerKey: 2, TagsPerKey: 3, KeyPolicyBytes: 131_072, GrantsPerKey: 100_000}
	if got, err := mine.Complete(); err != nil || got != mine {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []quota.Limits{{Keys: -1}, {AliasesPerKey: -1}, {AliasesPerKey: 10_001}, {TagsPerKey: 201}, {KeyPolicyBytes: 131_073}, {GrantsPerKey: 100_001}} {
		if got, err := bad.Complete(); err == nil {
			t.Errorf("%+v became %+v", bad, got)
		}
	}
}
