package evidence

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSpool: whatever part of the rows is in files, they come in order, those of one
// name as one, merged in the order in which they were added.
func TestSpool(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := newSpool(t.TempDir(), func(_ string, earlier, later []byte) []byte { return append(bytes.Clone(earlier), later...) })
		s.limit = 100 + r.IntN(4000)
		want := map[string]string{}
		for i := range 1 + r.IntN(500) {
			name, value := fmt.Sprintf("%d\x00%d", r.IntN(10), r.IntN(20)), fmt.Sprintf("%d,", i)
			want[name] += value
			if err := s.add(name, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // it can be read again
			var names []string
			err := s.each(func(name string, value []byte) error {
				names = append(names, name)
				if want[name] != string(value) {
					t.Errorf("seed %d: %q is %s, not %s", seed, name, value, want[name])
				}
				return nil
			})
			if err != nil || !slices.IsSorted(names) || len(names) != len(want) {
				t.Fatalf("seed %d: %v, %d of %d names, sorted: %v", seed, err, len(names), len(want), slices.IsSorted(names))
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}
