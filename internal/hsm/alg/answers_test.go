package alg_test

import (
	"bytes"
	"testing"

	"trent/internal/hsm/alg"
)

// TestKnownAnswers is for the answers; that a wrong one is noticed, the
// self-tests of the module show.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	for _, k := range alg.KnownAnswers() {
		computed, want, err := k.Run()
		if err != nil || len(want) == 0 || !bytes.Equal(computed, want) {
			t.Errorf("%s: %x, not %x: %v", k.Name, computed, want, err)
		}
	}
}

// BenchmarkKnownAnswers is what the self-tests add to the module's start.
func BenchmarkKnownAnswers(b *testing.B) {
	for _, k := range alg.KnownAnswers() {
		measure(b, k.Name, func() error { _, _, err := k.Run(); return err })
	}
}
