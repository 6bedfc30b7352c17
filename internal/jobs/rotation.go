package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/domains"
	"trent/internal/record"
)

// Rotation rotates the domain keys of all Regions when they are due. NewRotation
// makes one.
type Rotation struct {
	RotationConfig
	alarm
	turn  chan struct{} // capacity 1: who has put something in may look
	tally tally
}

// RotationConfig is what a Rotation is made of.
type RotationConfig struct {
	Domains *domains.Manager
	// Ready reports whether the crypto module answers.
	Ready func() bool
	// Every is the longest that Run waits before it looks again.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// NewRotation returns a Rotation.
func NewRotation(c RotationConfig) *Rotation {
	return &Rotation{RotationConfig: c, alarm: make(alarm, 1), turn: make(chan struct{}, 1)}
}

// retryAfter is how soon a failed rotation is tried again.
const retryAfter = 5 * time.Second

// Run works until the context ends.
func (r *Rotation) Run(ctx context.Context) {
	for {
		wait := r.Every
		if next, err := r.once(ctx); err != nil {
			if ctx.Err() == nil {
				r.Log.Error("domain key rotation", "error", err)
			}
			wait = min(wait, retryAfter)
		} else {
			wait = max(min(wait, next.Sub(r.Now())), time.Millisecond)
		}
		if !r.wait(ctx, wait) {
			return
		}
	}
}

// CatchUp does what is due, beside Run and not at the same time, and returns
// what is still due then. The error says why.
func (r *Rotation) CatchUp(ctx context.Context) (left []record.Due, err error) {
	_, err = r.once(ctx)
	ctx = context.WithoutCancel(ctx) // what is left is told when the time is over, too
	for _, region := range r.Domains.Names() {
		due, readErr := r.Domains.Due(ctx, region)
		err = errors.Join(err, readErr)
		if due.Rotate {
			left = append(left, record.Due{Region: region, At: due.Next, Job: record.JobRotate, Account: "-", KeyID: "-"})
		}
		if due.Rewrap {
			left = append(left, record.Due{Region: region, At: r.Now(), Job: record.JobRewrap, Account: "-", KeyID: "-"})
		}
	}
	return left, err
}

// once does what is due and returns when something will be due next.
func (r *Rotation) once(ctx context.Context) (next time.Time, err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	next = r.Now().Add(r.Every)
	if !r.Ready() {
		return next, errors.New("the crypto module is not ready")
	}
	var all []error // one Region's trouble is not the others'
	for _, region := range r.Domains.Names() {
		due, err := r.region(ctx, region)
		if err != nil {
			all = append(all, fmt.Errorf("domain %s: %w", region, err))
		} else if due.Before(next) {
			next = due
		}
	}
	return next, errors.Join(all...)
}

// region does what is due in one Region and returns when something will be
// due next. Rewrapping goes on although the rotation fails: an earlier one may
// have left tokens behind.
func (r *Rotation) region(ctx context.Context, region string) (next time.Time, err error) {
	due, err := r.Domains.Due(ctx, region)
	if err != nil || !due.Rotate && !due.Rewrap {
		return due.Next, err
	}
	if due.Rotate {
		err = r.Domains.Rotate(ctx, region)
		r.tally.ran(record.JobRotate, 1, failed(err))
	}
	changed, rewrapErr := r.Domains.Rewrap(ctx, region)
	r.tally.ran(record.JobRewrap, 1, failed(rewrapErr))
	r.Log.Info("tokens rewrapped", "region", region, "changed", changed)
	return r.Now().Add(r.Every), errors.Join(err, rewrapErr)
}

// failed is how many of one run have failed.
func failed(err error) int {
	if err != nil {
		return 1
	}
	return 0
}
