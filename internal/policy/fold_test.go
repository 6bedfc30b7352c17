package policy_test

import (
	"testing"

	"trent/internal/policy"
)

// FuzzFold: whether names are the same does not depend on who asks, or how
// often they were folded.
func FuzzFold(f *testing.F) {
	for _, pair := range [...][2]string{{"Team", "tEAM"}, {"acce\u017f\u017f", "access"}, {"\u212aey", "key"}, {"\u0130", "i"}, {"\u01c5", "\u01c6"}, {"\u03a3", "\u03c2"}, {"a", "ab"}, {"", ""}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		folded := policy.Fold(b)
		if policy.Folds(a, folded) != (policy.Fold(a) == folded) {
			t.Errorf("%q and %q", a, b)
		}
		if policy.Fold(folded) != folded {
			t.Errorf("%q: folded twice it is another name", b)
		}
	})
}
