package main

import (
	"strings"
	"testing"
)

// TestTrailIsMeasured: a short trail is written, found in and verified at each
// size; what is measured is there.
func TestTrailIsMeasured(t *testing.T) {
	t.Parallel()
	var r trailReport
	const records = 20_000
	if err := r.measure(t.Context(), t.TempDir(), records, 2); err != nil {
		t.Fatal(err)
	}
	if len(r.Sizes) != 2 || r.Sizes[0].Records != records/2 || r.Sizes[1].Records != records {
		t.Fatalf("%+v", r.Sizes)
	}
	for _, s := range r.Sizes {
		if s.TrailMB <= 0 || s.ColdMs <= 0 || s.WarmMs <= 0 || s.Verify <= 0 || s.VerifyCPU <= 0 {
			t.Errorf("%+v", s)
		}
	}
	if first := r.Sizes[0]; first.Segments != 0 || r.Sizes[1].Segments < 1 || r.Sizes[1].IndexMB <= 0 {
		t.Errorf("segments that have ended: %+v", r.Sizes) // the second size begins another epoch
	}
}

// TestRoom: what has no room on the disk is refused before it begins.
func TestRoom(t *testing.T) {
	t.Parallel()
	if err := room(t.TempDir(), 1); err != nil {
		t.Error(err)
	}
	if err := room(t.TempDir(), 1<<50); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("a trail larger than any disk: %v", err)
	}
}

// TestBounded: a bound is of the rounds' median.
func TestBounded(t *testing.T) {
	t.Parallel()
	of, to := []float64{11, 30, 9}, []float64{10, 10, 10}
	if got := bounded(ratios(of, to), 1.10); got != "1.10 (0.90–3.00), 1.10 held" {
		t.Error(got)
	}
	if got := bounded(ratios(of, to), 1.05); !strings.HasSuffix(got, "**missed**") {
		t.Error(got)
	}
	if q := quantile([]float64{4, 1, 3, 2}, 0.99); q != 4 {
		t.Error(q)
	}
}
