package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"

	"trent/internal/store"
)

// calls are all methods that take a context, on a store that holds "a".
func calls(ctx context.Context, s store.Store) map[string]error {
	errs := map[string]error{}
	_, _, errs["Get"] = s.Get(ctx, []byte("a"))
	_, _, _, errs["Range"] = s.Range(ctx, nil, nil, 10)
	_, _, errs["Txn"] = s.Txn(ctx, nil, []store.Op{putOp("b", "1")})
	_, errs["Watch"] = s.Watch(ctx, nil, 0)
	_, errs["Session"] = s.Session(ctx)
	_, errs["Snapshot"] = s.Snapshot(ctx, io.Discard)
	errs["Restore"] = s.Restore(ctx, bytes.NewReader(nil))
	return errs
}

func cancelledContext(t *testing.T, e Engine) {
	s := e.open(t)
	put(t, s, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range calls(ctx, s) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
	wantGet(t, s, "b", "", 0, 0)
}

func closed(t *testing.T, e Engine) {
	s := e.open(t)
	put(t, s, "a", "1")
	w, err := s.Watch(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for what, err := range calls(t.Context(), s) {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", what, err)
		}
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Next: %v, want ErrClosed", err)
	}
}

// closeWaits: a transaction that runs while the store is closed is either
// refused with ErrClosed and not there afterwards, or acknowledged and there.
func closeWaits(t *testing.T, e Engine) {
	place := e.New(t)
	s := e.reopen(t, place)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	started := make(chan struct{}, 8)
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				k := string(key(i, "/", n))
				ok, _, err := s.Txn(t.Context(), nil, []store.Op{putOp(k, "v")})
				if n == 3 {
					started <- struct{}{}
				}
				mu.Lock()
				acknowledged[k] = ok
				mu.Unlock()
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if !ok || err != nil {
					t.Errorf("Txn: %v, %v", ok, err)
					return
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	kvs, _ := all(t, e.reopen(t, place))
	stored := map[string]bool{}
	for _, kv := range kvs {
		stored[string(kv.Key)] = true
	}
	for k, ok := range acknowledged {
		if stored[k] != ok {
			t.Errorf("%s: acknowledged %v, stored %v", k, ok, stored[k])
		}
	}
}

// cancelDuringTxn: whatever the moment at which its context ends, a
// transaction with an error other than ErrUnknown is not applied, and one
// without is.
func cancelDuringTxn(t *testing.T, e Engine) {
	s := e.open(t)
	const workers, each = 8, 40
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for n := range each {
				ctx, cancel := context.WithCancel(t.Context())
				cancelled := make(chan struct{})
				go func() {
					defer close(cancelled)
					for range n * 50 { // spreads the moments
						if ctx.Err() != nil {
							return
						}
					}
					cancel()
				}()
				k := string(key(i, "/", n))
				ok, _, err := s.Txn(ctx, []store.Cmp{absent(k)}, []store.Op{putOp(k, strconv.Itoa(n))})
				cancel()
				<-cancelled
				_, _, got := s.Get(t.Context(), []byte(k))
				if errors.Is(err, store.ErrUnknown) {
					continue
				}
				if ok != (err == nil) || ok != (got == nil) {
					t.Errorf("%s: Txn %v, %v; then Get: %v", k, ok, err, got)
				}
			}
		})
	}
	wg.Wait()
}

func session(t *testing.T, e Engine) {
	s := e.open(t)
	x, err := s.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if x.ID() == "" {
		t.Error("a session without id")
	}
	select {
	case <-x.Lost():
		t.Error("the session of an open store is lost")
	default:
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-x.Lost()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
