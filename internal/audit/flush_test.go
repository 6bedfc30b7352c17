package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecordsAreInTheOrderOfCommits: whatever their event ids and Regions are.
func TestRecordsAreInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	s, m := openStore(t), newMemFS()
	trail := openMem(t, m, Strict)
	var ids IDs
	var want []string
	for i := range 60 {
		want = append(want, mutate(t, s, testRegions[i%len(testRegions)], &ids, 1)...)
	}
	mustDrain(t, s, trail)
	mustClose(t, trail)
	got := slices.DeleteFunc(readAll(t, m), func(r string) bool { return !strings.Contains(r, "eventID") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}
