package auditindex

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestShare: after some work the making of files rests, for as long as its share
// says or until the service ends.
func TestShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for share, want := range map[int]time.Duration{0: 0, 1: 0, 20: 19 * time.Second} {
			began := time.Now()
			(&Index{Share: share}).rest(t.Context(), time.Second)
			if got := time.Since(began); got != want {
				t.Errorf("share %d: it rests %v", share, got)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		(&Index{Share: 20}).rest(ctx, time.Hour)
		if time.Since(began) != 0 {
			t.Error("it rests beyond the service's end")
		}
	})
}
