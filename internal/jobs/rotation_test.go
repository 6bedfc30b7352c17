package jobs

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/domains"
)

// TestRotationIsWoken: when the clock is moved, Rotation looks at once, and not
// when what it had waited for would have come.
func TestRotationIsWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		r := NewRotation(RotationConfig{
			Domains: new(domains.Manager), Ready: func() bool { looks++; return true },
			Every: 24 * time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.Run(ctx) }()
		synctest.Wait()
		start := time.Now()
		r.Wake()
		synctest.Wait()
		if passed := time.Since(start); looks != 2 || passed != 0 {
			t.Errorf("it has looked %d times after %v, want twice at once", looks, passed)
		}
		cancel()
		<-ended
	})
}
