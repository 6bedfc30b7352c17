package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// TestScheduler gives jobs every row of theirs that is due, in order, and says
// when the next one will be; what fails holds nothing else up.
func TestScheduler(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	now := time.UnixMilli(1_700_000_000_000)
	var want []string
	add := func(at time.Time, job, id string) {
		put(t, st, []store.Op{{Key: record.DuePath(region, at, job, "-", id)}})
	}
	for i := range 3*page + 1 {
		id := fmt.Sprintf("%04d", i)
		add(now.Add(time.Duration(i-3*page)*time.Minute), "works", id) // the last one is due exactly now
		add(now.Add(-time.Hour), "fails", id)
		add(now.Add(-time.Hour), "nobody's", id)
		want = append(want, id)
	}
	add(now.Add(time.Hour), "works", "later")
	add(now.Add(time.Millisecond), "works", "soon")

	var got []string
	failures := 0
	errFails := errors.New("fails")
	jobs := map[string]Job{
		"works": func(_ context.Context, due []record.Due) ([]record.Due, error) {
			for _, d := range due {
				got = append(got, d.KeyID)
			}
			return nil, nil
		},
		"fails": func(_ context.Context, due []record.Due) ([]record.Due, error) {
			failures += len(due)
			return due, errFails
		},
	}
	s := NewScheduler(st, func() []string { return []string{"eu-north-1", region} }, jobs, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	next, err := s.once(t.Context())
	if !errors.Is(err, errFails) || failures != len(want) {
		t.Errorf("error %v, %d rows of the job that fails", err, failures)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the job was given %v", got)
	}
	if !next.Equal(now.Add(time.Millisecond)) {
		t.Errorf("next is %v", next)
	}
	n := uint64(len(want))
	if s := s.Stats(); s.Lag != time.Hour || s.Jobs["works"] != (Done{Runs: n}) || s.Jobs["fails"] != (Done{Runs: n, Failures: n}) || len(s.Jobs) != 2 {
		t.Errorf("%+v", s)
	}
	now = now.Add(2 * time.Hour)
	if s := s.Stats(); s.Lag != 3*time.Hour {
		t.Errorf("the failed work has been due for %v", s.Lag)
	}
	jobs["fails"] = jobs["works"]
	if next, err := s.once(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("next %v, error %v, want never", next, err)
	}
	if s := s.Stats(); s.Lag != 0 || s.Jobs["fails"].Failures != n {
		t.Errorf("%+v", s)
	}
}

// TestRunTriesAgain: a job that fails is called again after a second, then after
// twice as long each time; one that worked when its next row is due; and all are
// when the scheduler is woken.
func TestRunTriesAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		row := func(after time.Duration) []byte {
			return record.DuePath(region, start.Add(after), record.JobDelete, account, kept)
		}
		put(t, st, []store.Op{{Key: row(0)}, {Key: row(40 * time.Second)}})
		var calls []time.Duration
		jobs := map[string]Job{record.JobDelete: func(ctx context.Context, due []record.Due) ([]record.Due, error) {
			calls = append(calls, time.Since(start))
			if len(calls) < 4 {
				return due, errors.New("not now")
			}
			_, _, err := st.Txn(ctx, nil, []store.Op{{Key: due[0].Path(), Delete: true}})
			return nil, err
		}}
		var ahead time.Duration
		now := func() time.Time { return time.Now().Add(ahead) }
		s := NewScheduler(st, func() []string { return []string{region} }, jobs, now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()

		<-time.After(50 * time.Second) // of the bubble's clock
		put(t, st, []store.Op{{Key: row(time.Hour)}})
		synctest.Wait()
		ahead = time.Hour
		s.Wake()
		synctest.Wait()
		cancel()
		<-ended
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 40 * time.Second, 50 * time.Second}
		if !slices.Equal(calls, want) {
			t.Errorf("the job was called after %v, want %v", calls, want)
		}
	})
}

// TestCatchUp: what is due is done when it returns, and what is not comes back
// with the reason, although the time is over.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	now := time.UnixMilli(1_700_000_000_000)
	rows := []record.Due{
		{Region: region, At: now, Job: record.JobDelete, Account: account, KeyID: deleted},
		{Region: "eu-north-1", At: now.Add(-time.Hour), Job: record.JobDelete, Account: account, KeyID: kept},
		{Region: region, At: now.Add(time.Hour), Job: record.JobDelete, Account: account, KeyID: kept},
		{Region: region, At: now, Job: "nobody's", Account: account, KeyID: kept},
	}
	for _, row := range rows {
		put(t, st, []store.Op{{Key: row.Path()}})
	}
	works := false
	job := func(ctx context.Context, due []record.Due) ([]record.Due, error) {
		if !works {
			return due, errors.New("not now")
		}
		for i, row := range due {
			if _, _, err := st.Txn(ctx, nil, []store.Op{{Key: row.Path(), Delete: true}}); err != nil {
				return due[i:], err
			}
		}
		return nil, nil
	}
	regions := func() []string { return []string{region, "eu-north-1"} }
	s := NewScheduler(st, regions, map[string]Job{record.JobDelete: job}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"a job that fails": t.Context(), "no time": ended} {
		left, err := s.CatchUp(ctx)
		if err == nil || !slices.Equal(left, rows[:2]) {
			t.Errorf("%s: left %v, error %v", name, left, err)
		}
	}
	works = true
	if left, err := s.CatchUp(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := s.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
	all, _, _, err := st.Range(t.Context(), record.DuePrefix(region), record.PrefixEnd(record.DuePrefix(region)), page)
	if err != nil || len(all) != 1 {
		t.Errorf("%d rows in the store, want the one that is nobody's; error %v", len(all), err)
	}
}
