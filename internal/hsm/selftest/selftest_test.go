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
	if names := Names(); !slices.Equal(seen, names) || len(names) != 12 {
		t.Errorf("ran %v, named %v", seen, names)
	}
}

// TestEachCanFail: the self-test that computed something wrong is named, and
// stops the others.
func TestEachCanFail(t *testing.T) {
	t.Parallel()
	for i, name := range Names() {
		var seen []string
		err := Run(func(test string, computed []byte) {
			seen = append(seen, test)
			if test == name {
				computed[len(computed)-1] ^= 1
			}
		})
		var failure *Failure
		if !errors.As(err, &failure) || failure.Test != name || !errors.Is(err, errAnswer) || len(seen) != i+1 {
			t.Errorf("%s: %v, after %v", name, err, seen)
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

// TestEveryBitCounts changes each bit of each computed answer.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	for _, one := range tests() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			bits := 1
			for bit := 0; bit < bits; bit++ {
				err := one.check(func(_ string, computed []byte) {
					bits = 8 * len(computed)
					computed[bit/8] ^= 1 << (bit % 8)
				})
				if !errors.Is(err, errAnswer) {
					t.Fatalf("bit %d changed: %v", bit, err)
				}
			}
			if bits < 64 {
				t.Errorf("%d bits computed", bits)
			}
		})
	}
}

// BenchmarkRun is what the self-tests cost at the module's start.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if err := Run(nil); err != nil {
			b.Fatal(err)
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
