package domains

import (
	"testing"

	"trent/internal/hsm/client/jobs"
)

// TestRegistryIsTotal: each token kind has one row, which says where the store
// keeps its tokens, or why it keeps none.
func TestRegistryIsTotal(t *testing.T) {
	t.Parallel()
	rows := map[jobs.Kind]int{}
	for _, p := range registry {
		rows[p.kind]++
		stored := p.prefix != nil && p.open != nil
		if stored == (p.why != "") || (p.prefix == nil) != (p.open == nil) {
			t.Errorf("%s: neither a place with a reader, nor a reason", p.name)
		}
	}
	for _, kind := range jobs.Kinds() {
		if rows[kind] != 1 {
			t.Errorf("kind %d has %d rows", kind, rows[kind])
		}
		delete(rows, kind)
	}
	for kind := range rows {
		t.Errorf("kind %d is none", kind)
	}
}
