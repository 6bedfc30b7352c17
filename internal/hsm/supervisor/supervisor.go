// Package supervisor owns where connections to the crypto module come from: a
// module that it starts as the service's child and starts again when it fails
// (Child), or one that an operator runs (Socket). Both are Sources of
// internal/hsm/client.
//
// It must never by itself start a module again that was mute, nor read what crosses the
// connection. Only the wiring of cmd/trent and tests may import it.
package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// The errors with which a Child gives up for good.
var (
	// ErrMute: the module failed one of its checks. Only an operator may
	// start it again, by Restart or by starting the service again.
	ErrMute = errors.New("crypto module was mute and is not started again")
	// ErrTooManyRestarts: the module failed too often.
	ErrTooManyRestarts = fmt.Errorf("crypto module failed and was started again %d times within %v; it stays down", maxRestarts, restartWindow)
	// ErrPermanent: the module would fail again in the same way.
	ErrPermanent = errors.New("crypto module cannot start")
)

// The bound on restarts, and the delays before them.
const (
	maxRestarts   = 5
	restartWindow = 10 * time.Minute
	firstDelay    = 100 * time.Millisecond
	maxDelay      = 5 * time.Second
)

// restarts decides about restarts from the times of those before.
type restarts struct{ times []time.Time }

// recent forgets what is longer ago than the window, and returns how many are
// left.
func (r *restarts) recent(now time.Time) int {
	kept := r.times[:0]
	for _, t := range r.times {
		if now.Sub(t) < restartWindow {
			kept = append(kept, t)
		}
	}
	r.times = kept
	return len(kept)
}

// next returns the delay before one more restart, which it counts. ok is false
// if there were too many within the window.
func (r *restarts) next(now time.Time) (delay time.Duration, ok bool) {
	n := r.recent(now)
	if n >= maxRestarts {
		return 0, false
	}
	r.times = append(r.times, now)
	return min(firstDelay<<n, maxDelay), true
}
