package jobs

import (
	"maps"
	"slices"
	"sync"
	"time"

	"trent/internal/record"
)

// Done counts what a job has done since the process began.
type Done struct {
	Runs     uint64 // due rows that it was given, or Regions
	Failures uint64 // runs among them that failed, and are tried again
}

// Stats is what jobs have done.
type Stats struct {
	// Jobs has an entry for every job there is.
	Jobs map[string]Done
	// Lag is how long the oldest row has been due that a job left when it was
	// last called; 0 if there is none.
	Lag time.Duration
}

// tally keeps Stats. The zero tally has none.
type tally struct {
	mu   sync.Mutex
	done map[string]Done
	late time.Time // when the oldest row was due that its job left; zero: none
}

// ran counts n runs of a job, of which some failed.
func (t *tally) ran(job string, n, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil {
		t.done = map[string]Done{}
	}
	d := t.done[job]
	d.Runs += uint64(n)
	d.Failures += uint64(failed)
	t.done[job] = d
}

// lateSince notes the oldest row that is left; zero is none.
func (t *tally) lateSince(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = at
}

// stats has an entry for each of the jobs, those that never ran too.
func (t *tally) stats(now time.Time, jobs ...string) Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Jobs: map[string]Done{}}
	for _, job := range jobs {
		s.Jobs[job] = t.done[job]
	}
	if !t.late.IsZero() {
		s.Lag = max(now.Sub(t.late), 0)
	}
	return s
}

// Stats returns the counts so far.
func (s *Scheduler) Stats() Stats {
	return s.tally.stats(s.now(), slices.Collect(maps.Keys(s.jobs))...)
}

// Stats returns the counts so far, of the rotation of domain keys and of the
// rewrapping after it.
func (r *Rotation) Stats() Stats { return r.tally.stats(r.Now(), record.JobRotate, record.JobRewrap) }
