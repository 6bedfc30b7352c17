package jobs

import (
	"context"
	"time"
)

// alarm is what Run waits at: for a time, or until it is woken. Make it
// with capacity 1.
type alarm chan struct{}

// Wake lets Run look at once, because the clock was moved or something
// is due that was not.
func (a alarm) Wake() {
	select {
	case a <- struct{}{}:
	default: // it will look anyway
	}
}

// wait returns false if the context has ended.
func (a alarm) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-a:
	case <-timer.C:
	}
	return ctx.Err() == nil
}
