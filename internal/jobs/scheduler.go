// Package jobs owns the work that no request asks for: the deletion of KMS keys
// at the end of their waiting period, the removal of temporary credentials that
// are over, the rotation of domain keys and the rewrapping after it. A job runs when a row of the due index says so
// (docs/formats.md, "Store keys"), can be stopped anywhere, and goes on after a
// restart. It must never use a KMS key. Only wiring imports it.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// A Job does what some due rows of its kind, all of one Region, ask for, and
// removes those that it is done with. It may have been stopped anywhere the last time and
// goes on from there. It returns the rows that are left, in their order, with an
// error that says why: it is called with them again.
type Job func(ctx context.Context, due []record.Due) (left []record.Due, err error)

// Scheduler calls the jobs on the due rows of all Regions.
type Scheduler struct {
	alarm
	store   store.Store
	regions func() []string
	jobs    map[string]Job
	now     func() time.Time
	log     *slog.Logger
	turn    chan struct{} // capacity 1: who has put something in may look
	tally   tally
}

// NewScheduler returns a scheduler of the Regions that regions names whenever it looks. jobs
// is the table from the job of a due row to what does it; rows of other jobs
// are not its own.
func NewScheduler(st store.Store, regions func() []string, jobs map[string]Job, now func() time.Time, log *slog.Logger) *Scheduler {
	return &Scheduler{store: st, regions: regions, jobs: jobs, now: now, log: log, alarm: make(alarm, 1), turn: make(chan struct{}, 1)}
}

const (
	// lookEvery is the longest that Run waits before it looks again, whatever
	// it knows to come: rows are written at any time, and clocks are set.
	lookEvery = time.Minute
	// firstRetry is how soon failed jobs are called again; it doubles with each
	// further failure, up to lookEvery.
	firstRetry = time.Second
	// page is how many due rows a job is given at most.
	page = 50
)

// Run works until the context ends.
func (s *Scheduler) Run(ctx context.Context) {
	defer s.store.Observe(s.observe)()
	retry := firstRetry
	for {
		wait := lookEvery
		next, err := s.once(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("work that is due failed and is tried again", "error", err)
			wait, retry = retry, min(2*retry, lookEvery)
		} else {
			retry = firstRetry
		}
		if !next.IsZero() { // what fails does not make other work late
			wait = max(min(wait, next.Sub(s.now())), time.Millisecond)
		}
		if !s.wait(ctx, wait) {
			return
		}
	}
}

// observe wakes Run when a row is written that is due before it would look.
func (s *Scheduler) observe(_ store.Rev, events []store.Event) {
	for i := range events {
		if events[i].Deleted {
			continue
		}
		if row, ok := record.ParseDue(events[i].Key); ok && s.jobs[row.Job] != nil && row.At.Sub(s.now()) < lookEvery {
			s.Wake()
			return
		}
	}
}

// CatchUp does what is due, beside Run and not at the same time, and returns
// what is still due then, 50 rows of a Region at most. The error says why.
func (s *Scheduler) CatchUp(ctx context.Context) (left []record.Due, err error) {
	_, err = s.once(ctx)
	ctx = context.WithoutCancel(ctx) // what is left is told when the time is over, too
	for _, region := range s.regions() {
		rows, _, _, readErr := s.store.Range(ctx, record.DuePrefix(region), record.DueEnd(region, s.now()), page)
		err = errors.Join(err, readErr)
		for _, kv := range rows {
			if row, ok := record.ParseDue(kv.Key); ok && s.jobs[row.Job] != nil {
				left = append(left, row)
			}
		}
	}
	return left, err
}

// once does what is due and returns when something will be due next; zero is
// never. One Region's or one job's failure does not keep the others waiting.
func (s *Scheduler) once(ctx context.Context) (next time.Time, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	now := s.now()
	var failed []error
	var late time.Time
	for _, region := range s.regions() {
		left, err := s.due(ctx, region, now)
		if err != nil {
			failed = append(failed, fmt.Errorf("region %s: %w", region, err))
		}
		late = earlier(late, left)
		at, err := s.next(ctx, region, now)
		if err != nil {
			failed = append(failed, fmt.Errorf("region %s: %w", region, err))
		}
		next = earlier(next, at)
	}
	s.tally.lateSince(late)
	return next, errors.Join(failed...)
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due calls the jobs on a Region's rows that are due, a page at a time. left is
// when the first of the rows was due that jobs left; zero if there is none.
func (s *Scheduler) due(ctx context.Context, region string, now time.Time) (left time.Time, err error) {
	from, end := record.DuePrefix(region), record.DueEnd(region, now)
	var failed []error
	for {
		rows, more, _, err := s.store.Range(ctx, from, end, page)
		if err != nil {
			return left, errors.Join(append(failed, err)...)
		}
		byJob := map[string][]record.Due{}
		for _, kv := range rows {
			if row, ok := record.ParseDue(kv.Key); ok && s.jobs[row.Job] != nil {
				byJob[row.Job] = append(byJob[row.Job], row)
			}
		}
		for job, rows := range byJob {
			undone, err := s.jobs[job](ctx, rows)
			s.tally.ran(job, len(rows), len(undone))
			if len(undone) > 0 {
				left = earlier(left, undone[0].At)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", job, err))
			}
		}
		if !more || len(rows) == 0 || ctx.Err() != nil {
			return left, errors.Join(failed...)
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// Next is when the first row after now is due for which there is a job, of all
// Regions; zero is never, or not soon.
func (s *Scheduler) Next(ctx context.Context) (next time.Time, err error) {
	now := s.now()
	for _, region := range s.regions() {
		rows, _, _, err := s.store.Range(ctx, record.DueEnd(region, now), record.PrefixEnd(record.DuePrefix(region)), page)
		if err != nil {
			return time.Time{}, err
		}
		for _, kv := range rows {
			if row, ok := record.ParseDue(kv.Key); ok && s.jobs[row.Job] != nil {
				next = earlier(next, row.At)
				break
			}
		}
	}
	return next, nil
}

// next is when a Region's first row after now is due.
func (s *Scheduler) next(ctx context.Context, region string, now time.Time) (time.Time, error) {
	rows, _, _, err := s.store.Range(ctx, record.DueEnd(region, now), record.PrefixEnd(record.DuePrefix(region)), 1)
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	row, _ := record.ParseDue(rows[0].Key)
	return row.At, nil
}
