package quota

import "testing"

// TestChangesAroundTheReading: what was committed before a count was read is in
// it, whenever it is observed; what came after is not.
func TestChangesAroundTheReading(t *testing.T) {
	t.Parallel()
	for _, observed := range []string{"before", "after"} {
		c := &count{reserved: map[string]struct{}{}}
		changes := []change{{rev: 9, key: []byte("a"), by: 1}, {rev: 10, key: []byte("b"), by: 1}, {rev: 11, key: []byte("c"), by: 1}, {rev: 12, key: []byte("d"), by: 1}, {rev: 13, key: []byte("c"), by: -1}}
		if observed == "after" {
			c.completeAs(100, 10)
		}
		for _, change := range changes {
			c.take(change)
		}
		if observed == "before" {
			c.completeAs(100, 10)
		}
		if c.n != 101 {
			t.Errorf("observed %s: %d, want 101", observed, c.n)
		}
	}
}
