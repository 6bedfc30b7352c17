package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSketch: against exact counts, no count is too low, none too high by more than
// is told, all that are frequent enough are there, and what is told is bounded.
func TestSketch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		size, names := 1+r.IntN(40), 1+r.IntN(300)
		draw := rand.NewZipf(r, 1.01+r.Float64(), 1, uint64(names))
		s, exact, all := NewSketch(size), map[string]uint64{}, uint64(1+r.IntN(5000))
		for range all {
			name := fmt.Sprint(draw.Uint64())
			s.Add(name)
			exact[name]++
		}
		found, sum := map[string]bool{}, uint64(0)
		top := s.Top()
		for _, c := range top {
			found[c.Name] = true
			sum += c.Count
			if c.Count < exact[c.Name] || c.Count-c.Over > exact[c.Name] || c.Over > all/uint64(size) {
				t.Errorf("seed %d: %+v, and it is %d of %d, in %d counters", seed, c, exact[c.Name], all, size)
			}
		}
		for name, n := range exact {
			if n > all/uint64(size) && !found[name] {
				t.Errorf("seed %d: %s is %d of %d, and not among %d", seed, name, n, all, size)
			}
		}
		if sum != all || len(top) > size || !slices.IsSortedFunc(top, func(a, b Counted) int { return int(b.Count) - int(a.Count) }) {
			t.Errorf("seed %d: %d of %d counted, %d counters of %d", seed, sum, all, len(top), size)
		}
	}
}

// TestHistogram: every quantile is at least the exact one, and by one in sixteen at
// most too long.
func TestHistogram(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var h Histogram
		var exact []time.Duration
		for range 1 + r.IntN(300) {
			d := time.Duration(math.Exp(r.Float64() * 25)) // to over a minute
			exact = append(exact, d)
			h.Add(d)
		}
		slices.Sort(exact)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			want := exact[int(math.Ceil(q*float64(len(exact))))-1]
			if got := h.Quantile(q); got < want || float64(got) > float64(want)*(1+1.0/parts)+1 {
				t.Errorf("seed %d: %v is %v, not %v", seed, q, got, want)
			}
		}
		if h.Max() != exact[len(exact)-1] {
			t.Errorf("seed %d: max %v", seed, h.Max())
		}
	}
	for i := range octaves * parts {
		if bucket(highest(i)) != i {
			t.Errorf("bucket %d ends with %v, which is in %d", i, highest(i), bucket(highest(i)))
		}
	}
	var empty Histogram
	if empty.Quantile(0.5) != 0 || bucket(-1) != 0 || bucket(math.MaxInt64) != octaves*parts-1 {
		t.Error("the ends of the range")
	}
}

// TestLook: a look sees what is added while it lasts, all of it, and nothing is kept
// when nobody looks on.
func TestLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &Watch{}
		w.Add(&Call{Operation: "before"})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				s, err := w.Look(t.Context(), time.Second)
				if err != nil || s.Took != time.Second || s.All.Calls != 30 || s.All.Failed != 10 || len(s.Operations) != 2 || s.Operations[0].Name != "Decrypt" ||
					s.Operations[0].Calls != 20 || s.Operations[0].P99 != time.Millisecond || len(s.Codes) != 1 || s.Keys[0].Count != 20 || s.Principals[0].Count != 30 {
					t.Errorf("%v: %+v", err, s)
				}
			})
		}
		synctest.Wait()
		if !w.Watched() {
			t.Error("nobody looks on")
		}
		for range 10 {
			group.Go(func() {
				w.Add(&Call{Operation: "Decrypt", Key: "k", Principal: "p", Took: time.Millisecond})
				w.Add(&Call{Operation: "Decrypt", Key: "k", Principal: "p", Took: time.Millisecond})
				w.Add(&Call{Operation: "ListKeys", Code: "AccessDeniedException", Principal: "p"})
			})
		}
		group.Wait()
		if w.Watched() {
			t.Error("somebody still looks on")
		}
		w.Add(&Call{Operation: "after"})
	})
}

// TestLooks: no more may look on than are admitted, and one who goes makes room.
func TestLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &Watch{}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range maxLooks {
			group.Go(func() { _, _ = w.Look(ctx, time.Hour) })
		}
		synctest.Wait()
		if _, err := w.Look(t.Context(), time.Second); !errors.Is(err, ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		stop()
		group.Wait()
		if _, err := w.Look(t.Context(), time.Second); err != nil || w.Watched() {
			t.Errorf("when all have gone: %v", err)
		}
	})
}
