package selftest

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	if err := Run(nil); err != nil {
		t.Fatal(err)
	}
	// A hook that changes nothing sees every test, in order.
	var seen []string
	if err := Run(func(test string, _ []byte) { seen = append(seen, test) }); err != nil {
		t.Fatal(err)
	}
	if names := Names(); !slices.Equal(seen, names) || len(names) != 7 {
		t.Errorf("ran %v, named %v", seen, names)
	}
}

// TestEachCanFail changes each bit of each computed answer: the test that
// computed it fails and is named.
func TestEachCanFail(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		for bit := 0; ; bit++ {
			inside := false
			err := Run(func(test string, computed []byte) {
				if test == name && bit < 8*len(computed) {
					inside = true
					computed[bit/8] ^= 1 << (bit % 8)
				}
			})
			if !inside {
				if bit == 0 || err != nil {
					t.Errorf("%s: %d bits computed, %v", name, bit, err)
				}
				break
			}
			var failure *Failure
			if !errors.As(err, &failure) || failure.Test != name || !errors.Is(err, errAnswer) {
				t.Fatalf("%s with bit %d changed: %v", name, bit, err)
			}
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %s", err, name)
			}
		}
	}
}

// TestAcceptedAlteration: a token or blob that opens though it was altered
// is a failure, not an answer.
func TestAcceptedAlteration(t *testing.T) {
	t.Parallel()
	if _, _, err := refused(nil, errAnswer); !errors.Is(err, errAccepted) {
		t.Errorf("%v", err)
	}
}
