package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/store"
)

// observeOrder: transactions are observed in order of revision, each before
// its Txn returns, with all its events.
func observeOrder(t *testing.T, e Engine) {
	s := e.open(t)
	var mu sync.Mutex
	var last store.Rev
	seen := map[store.Rev][]store.Event{}
	defer s.Observe(func(rev store.Rev, events []store.Event) {
		mu.Lock()
		defer mu.Unlock()
		if rev != last+1 {
			t.Errorf("revision %d observed after %d", rev, last)
		}
		last = rev
		seen[rev] = events
	})()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			k := strconv.Itoa(i)
			var create store.Rev
			for n := range 30 {
				ops := []store.Op{putOp(k, strconv.Itoa(n)), delOp("absent")}
				if n%10 == 9 {
					ops[0] = delOp(k)
				}
				_, rev, err := s.Txn(t.Context(), nil, ops)
				if err != nil {
					t.Error(err)
					return
				}
				if n%10 == 0 {
					create = rev
				}
				want := store.Event{KV: store.KV{Key: []byte(k), Mod: rev}, Deleted: ops[0].Delete}
				if !want.Deleted {
					want.Value, want.Create = ops[0].Value, create
				}
				mu.Lock()
				got := seen[rev]
				mu.Unlock()
				if diff := cmp.Diff([]store.Event{want}, got); diff != "" {
					t.Errorf("observed when Txn of revision %d returned:\n%s", rev, diff)
					return
				}
			}
		})
	}
	wg.Wait()
}

func observeStop(t *testing.T, e Engine) {
	s := e.open(t)
	var first, other int
	stop := s.Observe(func(store.Rev, []store.Event) { first++ })
	stopOther := s.Observe(func(store.Rev, []store.Event) { other++ })
	put(t, s, "a", "1")
	stop()
	stop()
	put(t, s, "a", "2")
	stopOther()
	put(t, s, "a", "3")
	if first != 1 || other != 2 {
		t.Errorf("observed %d and %d, want 1 and 2", first, other)
	}
}

func watchFromNow(t *testing.T, e Engine) {
	s := e.open(t)
	put(t, s, "a/1", "before")
	w, err := s.Watch(t.Context(), []byte("a/"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	apply(t, s, putOp("a/2", "x"), putOp("a0", "not under the prefix"), delOp("a/1"), delOp("a/absent"))
	put(t, s, "b", "not under the prefix")
	put(t, s, "a/2", "y")
	want := []store.Event{
		{KV: store.KV{Key: []byte("a/2"), Value: []byte("x"), Create: 2, Mod: 2}},
		{KV: store.KV{Key: []byte("a/1"), Mod: 2}, Deleted: true},
		{KV: store.KV{Key: []byte("a/2"), Value: []byte("y"), Create: 2, Mod: 4}},
	}
	var got []store.Event
	for range want {
		ev, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Deleted {
			ev.Value = nil
		}
		got = append(got, ev)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// watchNoGaps: watches that start at any revision see exactly what observers
// saw after it.
func watchNoGaps(t *testing.T, e Engine) {
	s := e.open(t)
	const writers, each = 8, 40
	var observed []store.Rev
	defer s.Observe(func(rev store.Rev, events []store.Event) {
		for range events {
			observed = append(observed, rev)
		}
	})()
	put(t, s, "k", "0") // a revision to start from; 0 would mean now
	collect := func(from store.Rev) func() []store.Rev {
		w, err := s.Watch(t.Context(), []byte("k"), from)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan []store.Rev, 1)
		go func() {
			defer w.Close()
			var revs []store.Rev
			for len(revs) == 0 || revs[len(revs)-1] < writers*each+1 {
				ev, err := w.Next(t.Context())
				if err != nil {
					t.Errorf("watch from %d: %v", from, err)
					break
				}
				revs = append(revs, ev.Mod)
			}
			got <- revs
		}()
		return func() []store.Rev { return <-got }
	}
	early := collect(1)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				ok, _, err := s.Txn(t.Context(), nil, []store.Op{putOp(string(key("k", i)), strconv.Itoa(n))})
				if !ok || err != nil {
					t.Errorf("Txn: %v, %v", ok, err)
					return
				}
			}
		})
	}
	running := collect(1)
	wg.Wait()
	for what, got := range map[string][]store.Rev{"early": early(), "running": running(), "late": collect(1)()} {
		if diff := cmp.Diff(observed[1:], got); diff != "" {
			t.Errorf("%s watch differs from what was observed:\n%s", what, diff)
		}
	}
	if got := collect(100)(); !slices.Equal(got, observed[100:]) {
		t.Errorf("watch from 100 starts with %v", got[:min(3, len(got))])
	}
}

// watchCompacted: a watch that falls behind ends with ErrCompacted rather than
// with a gap, and so does one that starts too early. An engine that keeps
// everything for longer than this test may deliver everything.
func watchCompacted(t *testing.T, e Engine) {
	s := e.open(t)
	put(t, s, "a", "1")
	slow, err := s.Watch(t.Context(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	const txns = 24
	value := bytes.Repeat([]byte{7}, store.MaxTxnBytes-100)
	for range txns {
		apply(t, s, store.Op{Key: []byte("large"), Value: value})
	}
	late, err := s.Watch(t.Context(), nil, 1)
	if err != nil && !errors.Is(err, store.ErrCompacted) {
		t.Fatal(err)
	}
	if err == nil {
		defer late.Close()
		complete(t, late, txns)
	}
	complete(t, slow, txns)
}

// complete reads revisions 2 to txns+1 from w, or ErrCompacted for good.
func complete(t *testing.T, w store.Watcher, txns int) {
	t.Helper()
	for rev := store.Rev(2); rev <= store.Rev(txns)+1; rev++ {
		ev, err := w.Next(t.Context())
		if errors.Is(err, store.ErrCompacted) {
			if _, err := w.Next(t.Context()); !errors.Is(err, store.ErrCompacted) {
				t.Errorf("after ErrCompacted: %v", err)
			}
			return
		}
		if err != nil || ev.Mod != rev {
			t.Fatalf("event of revision %d, %v; want %d", ev.Mod, err, rev)
		}
	}
}

// watchEnds: Next returns when its context ends, and the watch goes on; it
// returns ErrClosed when the watch is closed.
func watchEnds(t *testing.T, e Engine) {
	s := e.open(t)
	w, err := s.Watch(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 1)
	go func() {
		_, err := w.Next(ctx)
		errs <- err
	}()
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want context.Canceled", err)
	}
	put(t, s, "a", "1")
	if ev, err := w.Next(t.Context()); err != nil || ev.Mod != 1 {
		t.Errorf("Next after a cancelled one: %v, %v", ev, err)
	}
	go func() {
		_, err := w.Next(t.Context())
		errs <- err
	}()
	w.Close()
	w.Close()
	if err := <-errs; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Next of a closed watch: %v, want ErrClosed", err)
	}
}
