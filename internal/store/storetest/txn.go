package storetest

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"trent/internal/store"
)

func compareAndSwap(t *testing.T, e Engine) {
	s := e.open(t)
	steps := []struct {
		what string
		cmps []store.Cmp
		ops  []store.Op
		ok   bool
	}{
		{"create", []store.Cmp{absent("a")}, []store.Op{putOp("a", "1")}, true},                  // rev 1
		{"create again", []store.Cmp{absent("a")}, []store.Op{putOp("a", "2")}, false},           //
		{"update", []store.Cmp{is("a", 1)}, []store.Op{putOp("a", "3")}, true},                   // rev 2
		{"stale update", []store.Cmp{is("a", 1)}, []store.Op{putOp("a", "4")}, false},            //
		{"future update", []store.Cmp{is("a", 3)}, []store.Op{putOp("a", "5")}, false},           //
		{"update of an absent key", []store.Cmp{is("b", 1)}, []store.Op{putOp("b", "6")}, false}, //
		{"condition on another key", []store.Cmp{is("a", 2)}, []store.Op{putOp("b", "7")}, true}, // rev 3
		{"stale delete", []store.Cmp{is("a", 1)}, []store.Op{delOp("a")}, false},                 //
		{"delete", []store.Cmp{is("a", 2), is("b", 3)}, []store.Op{delOp("a")}, true},            // rev 4
		{"update after delete", []store.Cmp{is("a", 2)}, []store.Op{putOp("a", "8")}, false},     //
		{"create after delete", []store.Cmp{absent("a")}, []store.Op{putOp("a", "9")}, true},     // rev 5
		{"conditions alone hold", []store.Cmp{is("a", 5), is("b", 3), absent("c")}, nil, true},   //
		{"conditions alone fail", []store.Cmp{is("a", 5), is("b", 3), is("c", 4)}, nil, false},   //
		{"no condition, empty value", nil, []store.Op{putOp("aa", "")}, true},                    // rev 6
	}
	rev := store.Rev(0)
	for _, st := range steps {
		ok, got, err := s.Txn(t.Context(), st.cmps, st.ops)
		if st.ok && st.ops != nil {
			rev++
		}
		if ok != st.ok || got != rev || err != nil {
			t.Errorf("%s: %v, revision %d, %v; want %v, %d", st.what, ok, got, err, st.ok, rev)
		}
	}
	wantGet(t, s, "a", "9", 5, 5)
	wantGet(t, s, "aa", "", 6, 6)
	wantGet(t, s, "b", "7", 3, 3)
	wantGet(t, s, "c", "", 0, 0)
}

func allOrNothing(t *testing.T, e Engine) {
	s := e.open(t)
	apply(t, s, putOp("a", "1"), putOp("b", "1"), putOp("c", "1"))
	var observed int
	defer s.Observe(func(store.Rev, []store.Event) { observed++ })()
	conditions := []store.Cmp{is("a", 1), is("b", 1), is("c", 1)}
	for i := range conditions {
		cmps := append([]store.Cmp(nil), conditions...)
		cmps[i].Mod = 0
		ok, rev, err := s.Txn(t.Context(), cmps, []store.Op{putOp("a", "2"), delOp("b"), putOp("d", "2")})
		if ok || rev != 1 || err != nil {
			t.Errorf("condition %d fails: %v, revision %d, %v", i, ok, rev, err)
		}
	}
	wantGet(t, s, "a", "1", 1, 1)
	wantGet(t, s, "b", "1", 1, 1)
	wantGet(t, s, "d", "", 0, 0)
	if observed != 0 {
		t.Errorf("%d refused transactions were observed", observed)
	}
	if rev := apply(t, s, putOp("a", "2"), delOp("b"), putOp("d", "2")); rev != 2 {
		t.Errorf("revision %d, want 2", rev)
	}
	wantGet(t, s, "a", "2", 1, 2)
	wantGet(t, s, "b", "", 0, 0)
	wantGet(t, s, "d", "2", 2, 2)
}

// revisions: one more with each transaction that changes something, and with
// no other; reads and refusals tell it.
func revisions(t *testing.T, e Engine) {
	s := e.open(t)
	for i := store.Rev(1); i <= 3; i++ {
		if rev := put(t, s, "a", "same"); rev != i {
			t.Errorf("revision %d, want %d", rev, i)
		}
	}
	if rev := apply(t, s, delOp("absent")); rev != 3 {
		t.Errorf("deleting an absent key: revision %d, want 3", rev)
	}
	if rev := apply(t, s); rev != 3 {
		t.Errorf("an empty transaction: revision %d, want 3", rev)
	}
	if rev := apply(t, s, delOp("absent"), putOp("b", "")); rev != 4 {
		t.Errorf("revision %d, want 4", rev)
	}
	if _, rev, err := s.Get(t.Context(), []byte("a")); rev != 4 || err != nil {
		t.Errorf("Get: revision %d, %v; want 4", rev, err)
	}
	if _, rev, err := s.Get(t.Context(), []byte("absent")); rev != 4 || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of an absent key: revision %d, %v; want 4 and ErrNotFound", rev, err)
	}
	if _, _, rev, err := s.Range(t.Context(), []byte("x"), nil, 1); rev != 4 || err != nil {
		t.Errorf("Range: revision %d, %v; want 4", rev, err)
	}
}

// concurrentCounter: no increment by compare-and-swap is lost, and each has a
// revision of its own.
func concurrentCounter(t *testing.T, e Engine) {
	s := e.open(t)
	const writers, each = 16, 25
	var mu sync.Mutex
	revs := map[store.Rev]bool{}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				rev, err := increment(t.Context(), s, "counter")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if revs[rev] {
					t.Errorf("revision %d given twice", rev)
				}
				revs[rev] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wantGet(t, s, "counter", strconv.Itoa(writers*each), 1, writers*each)
}

// increment adds one to the number under a key. It ends because whenever one
// caller is refused another has succeeded.
func increment(ctx context.Context, s store.Store, k string) (store.Rev, error) {
	for {
		kv, _, err := s.Get(ctx, []byte(k))
		n := 0
		if err == nil {
			n, err = strconv.Atoi(string(kv.Value))
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return 0, err
		}
		ok, rev, err := s.Txn(ctx, []store.Cmp{is(k, kv.Mod)}, []store.Op{putOp(k, strconv.Itoa(n+1))})
		if ok || err != nil {
			return rev, err
		}
	}
}

// ownSlices: what goes in and what comes out is the caller's to change.
func ownSlices(t *testing.T, e Engine) {
	s := e.open(t)
	w, err := s.Watch(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	k, v := []byte("key"), []byte("value")
	if ok, _, err := s.Txn(t.Context(), []store.Cmp{{Key: k}}, []store.Op{{Key: k, Value: v}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	clear(k)
	clear(v)
	for range 2 {
		kv, _, err := s.Get(t.Context(), []byte("key"))
		if err != nil || string(kv.Value) != "value" {
			t.Fatalf("Get: %q, %v", kv.Value, err)
		}
		clear(kv.Key)
		clear(kv.Value)
		kvs, _ := all(t, s)
		if len(kvs) != 1 || string(kvs[0].Key) != "key" || string(kvs[0].Value) != "value" {
			t.Fatalf("Range: %v", kvs)
		}
		clear(kvs[0].Key)
		clear(kvs[0].Value)
	}
	ev, err := w.Next(t.Context())
	if err != nil || string(ev.Key) != "key" || string(ev.Value) != "value" {
		t.Fatalf("watch: %v, %v", ev, err)
	}
}

// reopen: what was acknowledged is there, and revisions go on from there.
func reopen(t *testing.T, e Engine) {
	place := e.New(t)
	s := e.reopen(t, place)
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	apply(t, s, delOp("a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = e.reopen(t, place)
	wantGet(t, s, "a", "", 0, 0)
	wantGet(t, s, "b", "2", 2, 2)
	if rev := put(t, s, "b", "3"); rev != 4 {
		t.Errorf("revision %d after opening anew, want 4", rev)
	}
	wantGet(t, s, "b", "3", 2, 4)
}

func limits(t *testing.T, e Engine) {
	s := e.open(t)
	ops := func(n int) (ops []store.Op) {
		for i := range n {
			ops = append(ops, putOp("k"+strconv.Itoa(i), "v"))
		}
		return ops
	}
	large := func(n int) []store.Op {
		return []store.Op{{Key: []byte("large"), Value: bytes.Repeat([]byte{7}, n-len("large"))}}
	}
	for _, c := range []struct {
		what     string
		cmps     []store.Cmp
		ops      []store.Op
		ok       bool
		tooLarge bool
	}{
		{"most ops", nil, ops(store.MaxOps), true, false},
		{"one op more", nil, ops(store.MaxOps + 1), false, true},
		{"too many conditions", make([]store.Cmp, store.MaxOps+1), nil, false, true},
		{"most bytes", nil, large(store.MaxTxnBytes), true, false},
		{"one byte more", nil, large(store.MaxTxnBytes + 1), false, true},
		{"a key twice", nil, []store.Op{putOp("a", "1"), delOp("a")}, false, false},
		{"an empty key", nil, []store.Op{putOp("", "1")}, false, false},
		{"a condition on an empty key", []store.Cmp{absent("")}, nil, false, false},
	} {
		ok, _, err := s.Txn(t.Context(), c.cmps, c.ops)
		if ok != c.ok || (err == nil) != c.ok || errors.Is(err, store.ErrTooLarge) != c.tooLarge {
			t.Errorf("%s: %v, %v", c.what, ok, err)
		}
	}
	kv, rev, err := s.Get(t.Context(), []byte("large"))
	if err != nil || rev != 2 || len(kv.Value) != store.MaxTxnBytes-len("large") {
		t.Errorf("Get of the largest value: %d bytes, revision %d, %v", len(kv.Value), rev, err)
	}
}
