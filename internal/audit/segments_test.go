package audit

import (
	"testing"

	"trent/internal/store"
)

// TestMutationsAloneFillSegments: segments end at their size also while the
// outbox never rests.
func TestMutationsAloneFillSegments(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m, s, ids := newMemFS(), openStore(t), &IDs{}
			const batches = 4
			events := mutate(t, s, region, ids, batches*store.MaxOps)
			trail := openMem(t, m, mode, func(o *Options) { o.SegmentBytes = 1 << 10 })
			mustDrain(t, s, trail)
			segments, _, err := listSegments(m, trail.w.dir, testNode)
			if err != nil || len(segments) != batches {
				t.Errorf("%d segments (%v), want one for each batch, which fills it", len(segments), err)
			}
			mustClose(t, trail)
			eachOnce(t, m, events)
		})
	}
}
