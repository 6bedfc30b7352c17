package storetest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/store"
)

func rangeBounds(t *testing.T, e Engine) {
	s := e.open(t)
	keys := []string{"\x00", "\x00\x00", "a", "a\x00", "a/", "a/b", "b", "ba", "\xfe", "\xff", "\xff\xff"}
	var ops []store.Op
	for _, i := range []int{3, 0, 10, 7, 1, 5, 9, 2, 8, 4, 6} { // not in order
		ops = append(ops, putOp(keys[i], "v"+keys[i]))
	}
	apply(t, s, ops...)
	bounds := append([]string{"", "a/a", "zz", "\xff\xff\xff"}, keys...)
	for _, from := range bounds {
		for _, to := range bounds {
			for _, limit := range []int{1, 3, len(keys), math.MaxInt} {
				var want []string
				for _, k := range keys {
					if k >= from && (to == "" || k < to) {
						want = append(want, k)
					}
				}
				if n, rev, err := s.Count(t.Context(), []byte(from), []byte(to), limit); err != nil || n != min(len(want), limit) || rev != 1 {
					t.Fatalf("[%q, %q) limit %d: counted %d at revision %d, %v", from, to, limit, n, rev, err)
				}
				more := len(want) > limit
				want = want[:min(limit, len(want))]
				kvs, gotMore, rev, err := s.Range(t.Context(), []byte(from), []byte(to), limit)
				if err != nil || gotMore != more || rev != 1 {
					t.Fatalf("[%q, %q) limit %d: more %v, revision %d, %v", from, to, limit, gotMore, rev, err)
				}
				var got []string
				for _, kv := range kvs {
					got = append(got, string(kv.Key))
					if string(kv.Value) != "v"+string(kv.Key) || kv.Create != 1 || kv.Mod != 1 {
						t.Errorf("key %q: %v", kv.Key, kv)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("[%q, %q) limit %d:\n%s", from, to, limit, diff)
				}
			}
		}
	}
	if n, _, err := s.Count(t.Context(), nil, nil, math.MaxInt); n != len(keys) || err != nil {
		t.Errorf("%d keys in all, %v", n, err)
	}
	for _, limit := range []int{0, -1} {
		if _, _, _, err := s.Range(t.Context(), nil, nil, limit); err == nil {
			t.Errorf("limit %d is accepted", limit)
		}
		if _, _, err := s.Count(t.Context(), nil, nil, limit); err == nil {
			t.Errorf("limit %d is accepted by Count", limit)
		}
	}
}

// rangeOneRevision: a writer changes all keys in each transaction, so a range
// that sees two values, or a revision that is not the values', saw two states.
func rangeOneRevision(t *testing.T, e Engine) {
	s := e.open(t)
	write := func(n int) {
		var ops []store.Op
		for i := range 20 {
			ops = append(ops, putOp(fmt.Sprintf("k%02d", i), strconv.Itoa(n)))
		}
		apply(t, s, ops...)
	}
	write(1)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for seen := 0; ; seen++ {
				select {
				case <-done:
					return
				default:
				}
				kvs, _, rev, err := s.Range(t.Context(), nil, nil, 100)
				if err != nil || len(kvs) != 20 {
					t.Errorf("Range: %d keys, %v", len(kvs), err)
					return
				}
				for _, kv := range kvs {
					if kv.Mod != rev || string(kv.Value) != strconv.FormatInt(int64(rev), 10) {
						t.Errorf("range at revision %d has %s = %s of %d", rev, kv.Key, kv.Value, kv.Mod)
						return
					}
				}
			}
		})
	}
	for n := 2; n <= 30; n++ {
		write(n)
	}
	close(done)
	wg.Wait()
}

// rangePages: reading page by page finds each key exactly once that stands
// there all the time, whatever comes and goes between them.
func rangePages(t *testing.T, e Engine) {
	s := e.open(t)
	var want []string
	var ops []store.Op
	for i := range 100 {
		want = append(want, fmt.Sprintf("k%03d", 2*i))
		ops = append(ops, putOp(want[i], ""))
	}
	apply(t, s, ops...)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i = (i + 37) % 100 {
			select {
			case <-done:
				return
			default:
			}
			k := fmt.Sprintf("k%03d", 2*i+1)
			for _, op := range []store.Op{putOp(k, "passing"), delOp(k)} {
				if ok, _, err := s.Txn(t.Context(), nil, []store.Op{op}); !ok || err != nil {
					t.Errorf("Txn: %v, %v", ok, err)
					return
				}
			}
		}
	})
	for range 20 {
		var got []string
		var from []byte
		for more := true; more; {
			var kvs []store.KV
			var err error
			kvs, more, _, err = s.Range(t.Context(), from, nil, 7)
			if err != nil || more && len(kvs) != 7 {
				t.Fatalf("page of %d keys, more %v, %v", len(kvs), more, err)
			}
			for _, kv := range kvs {
				if bytes.Compare(kv.Key, from) < 0 {
					t.Fatalf("key %s before %s", kv.Key, from)
				}
				if len(kv.Value) == 0 {
					got = append(got, string(kv.Key))
				}
				from = append(kv.Key, 0)
			}
		}
		if !slices.Equal(want, got) {
			t.Fatalf("paging found %v", got)
		}
	}
	close(done)
	wg.Wait()
}
