package front

import (
	"slices"
	"testing"

	"trent/internal/api"
	"trent/internal/optable"
)

// TestTrackedOperations: what noteUse takes for a use of a key are the operations
// that AWS KMS tracks.
func TestTrackedOperations(t *testing.T) {
	t.Parallel()
	var noted []string
	for _, op := range api.Ops() {
		if optable.Of(op).Usage != "" {
			noted = append(noted, op.String())
		}
	}
	tracked := api.KeyLastUsageTrackingOperationValues()
	slices.Sort(noted)
	slices.Sort(tracked)
	if !slices.Equal(noted, tracked) {
		t.Errorf("noted are\n%q\nof the model's\n%q", noted, tracked)
	}
}
