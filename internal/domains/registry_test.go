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

func TestIsRegion(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"eu-west-1": true, "us-gov-east-1": true, "ap-southeast-12": true,
		"": false, "global": false, "eu-west": false, "eu--1": false, "EU-west-1": false, "eu-west-1/": false,
		"a-b-c-d-1": false, "eu-west-x": false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbb-1": false,
	} {
		if got := isRegion(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
