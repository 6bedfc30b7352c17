package engine

import (
	"sync"
	"time"

	"trent/internal/hsm/proto"
)

const (
	// A clock that stands before this time is not set: 2025-01-01.
	earliestClock = 1735689600
	// A clock may be set back so far; more makes validity periods worthless.
	clockStepBack = 5 * time.Minute
	// A clock that was set is believed when it has not been set again for so long.
	clockSettles = time.Hour
	// Less than this is no step.
	clockDrift = time.Second
)

// belief is what the engine takes for the right time: a wall clock, as its
// distance from a clock that nobody can set. The rule is:
//
// The time is believed once it has gone on without a step for clockSettles.
// From then on a clock that stands more than clockStepBack behind it was set
// back, and the engine goes mute. A step forward, and the time at the start,
// may be wrong (a machine's clock before its time service corrects it), so
// taking them back within clockSettles is a correction.
type belief struct {
	mu       sync.Mutex
	believed time.Duration // valid if known
	known    bool
	next     time.Duration // what may be believed next; valid if pending
	pending  bool
	since    time.Duration // how long the engine had run when it saw next first
}

// check takes one reading of both clocks, and says whether the wall clock can
// be used.
func (b *belief) check(wall time.Time, elapsed time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	distance := time.Duration(wall.UnixNano()) - elapsed
	switch {
	case b.known && distance < b.believed-clockStepBack:
		return false
	case b.known && distance <= b.believed+clockDrift:
		b.pending = false
	case !b.pending || (distance-b.next).Abs() > clockDrift:
		b.next, b.pending, b.since = distance, true, elapsed
	case elapsed-b.since >= clockSettles:
		b.believed, b.known, b.pending = b.next, true, false
	}
	return true
}

// clock returns the clock's time in Unix seconds, and whether it can be used.
// If not, the engine is mute.
func (e *Engine) clock() (int64, bool) {
	now := e.cfg.Now()
	elapsed := now.Sub(e.start)
	if e.cfg.Elapsed != nil {
		elapsed = e.cfg.Elapsed()
	}
	if now.Unix() < earliestClock || !e.belief.check(now, elapsed) {
		e.Mute("clock stands before 2025 or was set back")
		return 0, false
	}
	return now.Unix(), true
}

// MoveClock says how far the module's time stands ahead of its clock, for
// proto.CmdMoveClock. It moves validity periods and what tokens say of their
// time. It moves neither the belief, which is in the clock, nor the dates of day
// keys. Only a development module does it, and its time never goes back.
func (e *Engine) MoveClock(in *proto.MoveClockRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(_ *scratch, dst []byte) ([]byte, proto.Status) {
		for {
			have := e.ahead.Load()
			if !e.cfg.Domains.Dev() || in.AheadSeconds < have {
				return dst, proto.StatusClockRefused
			}
			if e.ahead.CompareAndSwap(have, in.AheadSeconds) {
				return dst, proto.StatusOK
			}
		}
	})
}
