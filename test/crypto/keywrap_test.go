package crypto

import (
	"bytes"
	"slices"
	"testing"

	"trent/internal/hsm/alg"
)

// TestKWPVectors holds the unwrapping of imported material against Wycheproof.
// Vectors of other key sizes than AES's three are not in the file.
func TestKWPVectors(t *testing.T) {
	t.Parallel()
	opened := 0
	for _, g := range loadVectors(t, "aes_kwp_test.json").TestGroups {
		for _, v := range g.Tests {
			got, err := alg.UnwrapKWP(v.Key, v.Ct)
			same := err == nil && bytes.Equal(got, v.message())
			switch {
			case v.Result == "valid":
				v.check(t, same, err, true)
				opened++
			case v.Result == "invalid":
				v.check(t, err == nil, err, false)
			case err == nil && !slices.Equal(got, v.message()):
				t.Errorf("vector %d (%s): opens as something else", v.TcID, v.Comment)
			}
		}
	}
	if opened == 0 {
		t.Error("no vector opens")
	}
}
