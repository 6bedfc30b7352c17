package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/record"
)

// maxAhead is how far a clock can be moved: a century, and ten digits of
// seconds.
const maxAhead = 100 * 365 * 24 * time.Hour

// ErrClock says that a clock cannot be moved so.
var ErrClock = errors.New("the clock goes forward only, and 100 years at most")

// clock is a node's time. It stands ahead of the base by what MoveClock said,
// which only trent dev ever does.
type clock struct {
	base   func() time.Time
	ahead  atomic.Int64 // nanoseconds, whole seconds
	moving sync.Mutex   // held while ahead changes, and while the module is told
}

func (c *clock) now() time.Time { return c.base().Add(time.Duration(c.ahead.Load())) }

// MoveClock moves the clock of trent dev, the module's with it, so that it shows
// at least now, and then works until no job is due any more. If the context ends
// before, what is still due comes with its error. The clock keeps its distance
// from the system's, whole seconds, when the node is opened again.
func (n *Node) MoveClock(ctx context.Context, now time.Time) (left []record.Due, err error) {
	if !n.Dev {
		return nil, errors.New("node: the clock of production is the system's")
	}
	if now.Sub(n.clock.base()) > maxAhead {
		return nil, ErrClock
	}
	for range maxStops {
		next, err := n.due.Next(ctx)
		if err != nil {
			return nil, err
		}
		if next.IsZero() || !next.Before(now) {
			break
		}
		if _, err := n.moveTo(ctx, next); err != nil {
			break // the clock moves all the same
		}
	}
	return n.moveTo(ctx, now)
}

// maxStops is how often a clock that is moved stops on its way to let what is due
// be done at its time, as if it had run: a key that rotates every year rotates
// four times in four years. After so many it goes the rest of the way at once.
const maxStops = 1000

// moveTo moves the clock, and works until nothing is due any more.
func (n *Node) moveTo(ctx context.Context, now time.Time) (left []record.Due, err error) {
	if err := n.setAhead(context.WithoutCancel(ctx), now); err != nil {
		return nil, err
	}
	n.Wake() // what is due soon is due sooner than they wait
	for delay := 10 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		moduleErr := n.tellClock(ctx)
		deletions, deleteErr := n.due.CatchUp(ctx)
		rotations, rotateErr := n.rotation.CatchUp(ctx)
		left, err = append(rotations, deletions...), errors.Join(moduleErr, rotateErr, deleteErr)
		if len(left) == 0 && err == nil {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return left, errors.Join(ctx.Err(), err)
		case <-time.After(delay):
		}
	}
}

// CatchUp deletes the keys whose waiting period is over, beside the scheduler
// and not at the same time. If it returns without an error, none is left.
func (n *Node) CatchUp(ctx context.Context) error {
	_, err := n.due.CatchUp(ctx)
	return err
}

// setAhead keeps the new time in the store, and then follows it.
func (n *Node) setAhead(ctx context.Context, now time.Time) error {
	n.clock.moving.Lock()
	defer n.clock.moving.Unlock()
	ahead := now.Sub(n.clock.base())
	if whole := ahead.Truncate(time.Second); whole < ahead {
		ahead = whole + time.Second
	} else {
		ahead = whole
	}
	if have := time.Duration(n.clock.ahead.Load()); ahead < have || ahead > maxAhead {
		return ErrClock
	}
	if err := n.Domains.SetAhead(ctx, ahead); err != nil {
		return err
	}
	n.clock.ahead.Store(int64(ahead))
	n.Log.Info("clock moved", "ahead", ahead.String(), "now", n.Now().UTC())
	return nil
}

// tellClock tells the module what time it is; one that starts hears it before
// anything else.
func (n *Node) tellClock(ctx context.Context) error {
	n.clock.moving.Lock()
	defer n.clock.moving.Unlock()
	if ahead := time.Duration(n.clock.ahead.Load()); ahead > 0 {
		return hsmjobs.New(n.module).MoveClock(ctx, ahead)
	}
	return nil
}
