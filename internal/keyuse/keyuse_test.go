package keyuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
)

var began = time.UnixMilli(1_800_000_000_000).UTC()

func sealer(context.Context, string) (*record.Sealer, error) {
	return record.NewSealer(secret.New(make([]byte, record.MACKeyLen)))
}

func open(t testing.TB) store.Store {
	t.Helper()
	st, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func over(st store.Store) *Uses {
	return New(Config{Store: st, Records: sealer, Since: func() time.Time { return began }, Log: slog.New(slog.DiscardHandler)})
}

// aKey is a key whose record is in the store.
func aKey(t testing.TB, st store.Store, id string) *key.Key {
	t.Helper()
	path := record.KeyPath(region, account, id)
	s, err := sealer(t.Context(), region)
	if err != nil {
		t.Fatal(err)
	}
	value, err := s.Seal(path, record.TypeKey, 1, &record.Key{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.Txn(t.Context(), nil, []store.Op{{Key: path, Value: value}}); err != nil {
		t.Fatal(err)
	}
	return &key.Key{Region: region, Account: account, ID: id, ARN: "arn:aws:kms:" + region + ":" + account + ":key/" + id, Created: began}
}

func at(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }

func last(t *testing.T, u *Uses, k *key.Key) (Use, bool) {
	t.Helper()
	use, ok, err := u.Last(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return use, ok
}

// TestModel: whatever is noted, flushed and started again in whatever order, the
// last use is the newest one, and every refusal of the period is counted once.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			st := open(t)
			u := over(st)
			keys := []*key.Key{aKey(t, st, "k1"), aKey(t, st, "k2")}
			type known struct {
				use     Use
				refused map[int64]uint64
			}
			want := map[*key.Key]*known{}
			for _, k := range keys {
				want[k] = &known{refused: map[int64]uint64{}}
			}
			for i := range 300 {
				k := keys[random.IntN(2)]
				w := want[k]
				switch random.IntN(8) {
				case 0, 1:
					use := Use{Operation: "Decrypt", Time: at(random.IntN(400)), EventID: fmt.Sprint(i), RequestID: "r"}
					u.Used(k, use)
					if !use.Time.Before(w.use.Time) {
						w.use = use
					}
				case 2, 3:
					u.Refused(k, Pending, "Encrypt", "arn:a", at(i))
					w.refused[Period(k)]++
				case 4:
					if err := u.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				case 5:
					if err := u.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					u = over(st) // a start after an orderly end
				case 6:
					k.DeletionDate = at(1_000 + i) // scheduled anew
				}
				if use, ok := last(t, u, k); ok == w.use.Time.IsZero() || use != w.use {
					t.Fatalf("step %d: the last use is %v, want %v", i, use, w.use)
				}
				got, err := u.Refusals(t.Context(), k)
				if err != nil || got.Count != w.refused[Period(k)] {
					t.Fatalf("step %d: %d refused uses, want %d; %v", i, got.Count, w.refused[Period(k)], err)
				}
			}
		})
	}
}

// TestDeletedKeysStayGone: the last use of a key that is deleted is not written.
func TestDeletedKeysStayGone(t *testing.T) {
	t.Parallel()
	st := open(t)
	u, k := over(st), aKey(t, st, "k1")
	u.Used(k, Use{Operation: "Sign", Time: at(1)})
	if _, _, err := st.Txn(t.Context(), nil, []store.Op{{Key: record.KeyPath(region, account, "k1"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	if err := u.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.Get(t.Context(), record.KeyUsePath(region, account, "k1")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted key has a last use: %v", err)
	}
}

// failing is a store whose transactions fail, or in which keys change meanwhile.
type failing struct {
	store.Store
	err  error
	lose int // transactions of several ops whose condition does not hold
}

func (f *failing) Txn(ctx context.Context, cmps []store.Cmp, ops []store.Op) (bool, store.Rev, error) {
	if f.err != nil {
		return false, 0, f.err
	}
	if f.lose > 0 {
		f.lose--
		return false, 0, nil
	}
	return f.Store.Txn(ctx, cmps, ops)
}

// TestNothingIsLostToAFailure: what a store refuses is written with the next flush.
func TestNothingIsLostToAFailure(t *testing.T) {
	t.Parallel()
	st := open(t)
	var keys []*key.Key
	for i := range 300 {
		keys = append(keys, aKey(t, st, fmt.Sprint("k", i)))
	}
	f := &failing{Store: st, err: errors.New("the disk is full")}
	u := over(f)
	for _, k := range keys {
		u.Used(k, Use{Operation: "Sign", Time: at(1), EventID: "1"})
		u.Refused(k, BrownOut, "Sign", "arn:a", at(2))
	}
	if err := u.Flush(t.Context()); !errors.Is(err, f.err) {
		t.Fatalf("a flush that fails says %v", err)
	}
	f.err, f.lose = nil, 50
	for range 60 { // what is lost to a change of its key comes again, too
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again := over(st)
	for _, k := range keys {
		if use, ok := last(t, again, k); !ok || use.EventID != "1" {
			t.Fatalf("%s was used last %v", k.ID, use)
		}
		if got, err := again.Refusals(t.Context(), k); err != nil || got != (Refusals{1, at(2), "Sign", "arn:a"}) {
			t.Fatalf("%s has refused %v, %v", k.ID, got, err)
		}
	}
	if u.TotalRefused(BrownOut) != 300 || u.TotalRefused(Pending) != 0 {
		t.Errorf("in all %d and %d", u.TotalRefused(BrownOut), u.TotalRefused(Pending))
	}
}

// TestUnusedDays: whole days since the last use, or since uses are kept.
func TestUnusedDays(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	st := open(t)
	u := over(st)
	old, young := aKey(t, st, "old"), aKey(t, st, "young")
	old.Created, young.Created = began.Add(-100*day), began.Add(10*day)
	for _, test := range []struct {
		k    *key.Key
		now  time.Time
		want int
	}{
		{old, began.Add(3*day - 1), 2}, {old, began.Add(3 * day), 3}, {young, began.Add(12 * day), 2}, {young, began, 0},
	} {
		if got, err := u.UnusedDays(t.Context(), test.k, test.now); err != nil || got != test.want {
			t.Errorf("%s at %v: %d, %v; want %d", test.k.ID, test.now, got, err, test.want)
		}
	}
	u.Used(old, Use{Operation: "Sign", Time: began.Add(5 * day)})
	if got, err := u.UnusedDays(t.Context(), old, began.Add(7*day)); err != nil || got != 2 {
		t.Errorf("after a use: %d, %v", got, err)
	}
}

// TestConcurrentUses: many callers, flushes among them, and no count is off.
func TestConcurrentUses(t *testing.T) {
	t.Parallel()
	st := open(t)
	u, k := over(st), aKey(t, st, "k1")
	k.DeletionDate = at(9999)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				u.Used(k, Use{Operation: "Sign", Time: at(i)})
				u.Refused(k, Pending, "Sign", "arn:a", at(i))
				if i%100 == 0 {
					if err := u.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if got, err := u.Refusals(t.Context(), k); err != nil || got.Count != 4000 {
		t.Errorf("%d refusals of 4000, %v", got.Count, err)
	}
	if use, _ := last(t, u, k); !use.Time.Equal(at(499)) {
		t.Errorf("the last use is %v", use)
	}
}

// BenchmarkUsed is what a request pays. A Decrypt takes some 40 µs of the service.
func BenchmarkUsed(b *testing.B) {
	u := over(open(b))
	k := aKey(b, u.Store, "k1")
	use := Use{Operation: "Decrypt", Time: began, EventID: "e", RequestID: "r"}
	u.Used(k, use)
	b.ReportAllocs()
	for b.Loop() {
		u.Used(k, use)
	}
}
