package auditindex

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestShare: after some work the making of files rests, for as long as its share
// says or until the service ends; not after every little bit of it.
func TestShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rested := func(ctx context.Context, share int, worked time.Duration) time.Duration {
			p := newPacer(share)
			time.Sleep(worked)
			began := time.Now()
			p.step(ctx)
			took := time.Since(began)
			began = time.Now()
			if p.step(ctx); time.Since(began) != 0 {
				t.Error("it rests again, without work between")
			}
			return took
		}
		for share, want := range map[int]time.Duration{0: 0, 1: 0, 20: 19 * time.Second} {
			if got := rested(t.Context(), share, time.Second); got != want {
				t.Errorf("share %d: it rests %v", share, got)
			}
		}
		if got := rested(t.Context(), 20, slice-1); got != 0 {
			t.Errorf("after next to no work it rests %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if rested(ctx, 20, time.Hour) != 0 {
			t.Error("it rests beyond the service's end")
		}
	})
}
