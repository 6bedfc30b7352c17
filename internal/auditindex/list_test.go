package auditindex

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestList: what was appended is read, whatever is in it; and as many records in
// a row take hardly more than one.
func TestList(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		records := uint32(1 + random.IntN(3000))
		keep := random.Float64()
		var numbers []uint32
		for n := range records {
			if random.Float64() < keep {
				numbers = append(numbers, n)
			}
		}
		b := appendList(nil, numbers)
		got, err := readList(b, uint32(len(numbers)), records)
		if err != nil || !slices.Equal(got, numbers) {
			t.Fatalf("%d of %d records: %v, %v", len(numbers), records, got, err)
		}
		if len(numbers) == 0 {
			continue
		}
		for _, wrong := range [...]struct{ count, records uint32 }{{uint32(len(numbers)) + 1, records}, {uint32(len(numbers)) - 1, records}, {uint32(len(numbers)), numbers[len(numbers)-1]}} {
			if got, err := readList(b, wrong.count, wrong.records); err == nil {
				t.Fatalf("a list of %d of %d records is one of %d of %d too: %v", len(numbers), records, wrong.count, wrong.records, got)
			}
		}
	}
	all := make([]uint32, 50_000)
	for i := range all {
		all[i] = uint32(i)
	}
	if n := len(appendList(nil, all)); n > 4 {
		t.Errorf("all of 50,000 records take %d bytes", n)
	}
}

// FuzzReadList: whatever the bytes, what is read are records in order, no more
// than there are; and it is what their list says.
func FuzzReadList(f *testing.F) {
	f.Add([]byte{1, 1, 0, 3}, uint32(5), uint32(9))
	f.Add([]byte{0, 5}, uint32(5), uint32(5))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, uint32(5), uint32(5))
	f.Fuzz(func(t *testing.T, b []byte, count, records uint32) {
		if records > 1<<20 {
			return
		}
		numbers, err := readList(b, count, records)
		if err != nil {
			return
		}
		for i, n := range numbers {
			if n >= records || i > 0 && n <= numbers[i-1] {
				t.Fatalf("record %d of %d is after %v", n, records, numbers[:i])
			}
		}
		if uint32(len(numbers)) != count {
			t.Fatalf("%d records, not %d", len(numbers), count)
		}
		if again, err := readList(appendList(nil, numbers), count, records); err != nil || !slices.Equal(again, numbers) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}
