// Package live owns what is measured of requests only while somebody looks on:
// rates and latencies by operation, and the busiest keys and principals, counted in
// bounded memory. trent top asks for it.
//
// It must cost a request one atomic load while nobody looks on, never keep anything
// when the last look has ended, and never be what a decision rests on: counts of
// keys and principals have an error, which is told. internal/obs feeds it and
// internal/node asks it.
package live

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call is what is known of a request that has ended.
type Call struct {
	Operation string
	Code      string // of the error; "" on success
	Key       string // ARN; "": none
	Principal string // ARN; "": none
	Took      time.Duration
}

// maxLooks bounds how many may look on at a time: each costs all requests some time.
const maxLooks = 8

// kept is how many keys and principals a look counts; what has a share of more than
// one in so many is always among them.
const kept = 512

// ErrBusy: too many look on already.
var ErrBusy = errors.New("live: too many look on already")

// Watch hands what happens to those who look on. The zero value is ready.
type Watch struct {
	mu    sync.Mutex
	looks atomic.Pointer[[]*look] // nil: nobody looks on
}

// Watched reports whether somebody looks on.
func (w *Watch) Watched() bool { return w.looks.Load() != nil }

// Add counts a request, for those who look on.
func (w *Watch) Add(c *Call) {
	if looks := w.looks.Load(); looks != nil {
		for _, l := range *looks {
			l.add(c)
		}
	}
}

// Look counts for so long, or until the context ends, and returns what it has seen.
func (w *Watch) Look(ctx context.Context, d time.Duration) (*Seen, error) {
	l := newLook()
	if !w.change(func(looks []*look) []*look { return append(looks, l) }) {
		return nil, ErrBusy
	}
	began := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	w.change(func(looks []*look) []*look {
		return slices.DeleteFunc(looks, func(other *look) bool { return other == l })
	})
	return l.seen(time.Since(began)), context.Cause(ctx)
}

// change replaces the list of those who look on.
func (w *Watch) change(f func([]*look) []*look) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	var looks []*look
	if now := w.looks.Load(); now != nil {
		looks = slices.Clone(*now)
	}
	looks = f(looks)
	switch {
	case len(looks) > maxLooks:
		return false
	case len(looks) == 0:
		w.looks.Store(nil)
	default:
		w.looks.Store(&looks)
	}
	return true
}

// look counts for one who looks on.
type look struct {
	mu         sync.Mutex
	all        operation
	operations map[string]*operation
	codes      map[string]uint64
	keys       *Sketch
	principals *Sketch
}

// operation is what is counted of one.
type operation struct {
	calls, failed uint64
	took          Histogram
}

func newLook() *look {
	return &look{operations: map[string]*operation{}, codes: map[string]uint64{}, keys: NewSketch(kept), principals: NewSketch(kept)}
}

func (l *look) add(c *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.operations[c.Operation]
	if o == nil {
		o = &operation{}
		l.operations[c.Operation] = o
	}
	for _, o := range [...]*operation{&l.all, o} {
		o.calls++
		o.took.Add(c.Took)
		if c.Code != "" {
			o.failed++
		}
	}
	if c.Code != "" {
		l.codes[c.Code]++
	}
	if c.Key != "" {
		l.keys.Add(c.Key)
	}
	if c.Principal != "" {
		l.principals.Add(c.Principal)
	}
}

// Seen is what a look has seen.
type Seen struct {
	Took       time.Duration
	All        Operation
	Operations []Operation // the most called first
	Codes      []Counted   // of errors, the most frequent first
	Keys       []Counted   // the busiest first
	Principals []Counted
}

// Operation is one operation; of all, its name is empty.
type Operation struct {
	Name          string
	Calls, Failed uint64
	P50, P99, Max time.Duration
}

// Counted is something with its count.
type Counted struct {
	Name  string
	Count uint64
	Over  uint64 // by how much the count is too high at most
}

func (l *look) seen(took time.Duration) *Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &Seen{Took: took, All: l.all.seen(""), Keys: l.keys.Top(), Principals: l.principals.Top()}
	for _, name := range slices.Sorted(maps.Keys(l.operations)) {
		s.Operations = append(s.Operations, l.operations[name].seen(name))
	}
	slices.SortStableFunc(s.Operations, func(a, b Operation) int { return cmp.Compare(b.Calls, a.Calls) })
	for _, code := range slices.Sorted(maps.Keys(l.codes)) {
		s.Codes = append(s.Codes, Counted{Name: code, Count: l.codes[code]})
	}
	slices.SortStableFunc(s.Codes, func(a, b Counted) int { return cmp.Compare(b.Count, a.Count) })
	return s
}

func (o *operation) seen(name string) Operation {
	return Operation{Name: name, Calls: o.calls, Failed: o.failed, P50: o.took.Quantile(0.5), P99: o.took.Quantile(0.99), Max: o.took.Max()}
}
