// Package diskspace owns the watch over how much room the file systems of the
// service have: it warns long before one is full, since then every call fails.
//
// It must never keep anything waiting that asks what it knows: a file system
// that does not answer keeps its own goroutine only. The wiring runs it; nobody
// else imports it.
package diskspace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Space is how much room a file system has.
type Space struct {
	Free, Total uint64 // bytes, of what a user who is not root may take
}

// statfs asks the operating system.
func statfs(path string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Space{}, err
	}
	block := uint64(s.Frsize)
	return Space{Free: s.Bavail * block, Total: (s.Blocks - s.Bfree + s.Bavail) * block}, nil
}

// Volume is a file system that is watched.
type Volume struct {
	Name string // of what is on it: store, audit
	Path string
}

// Status is what is known of a volume.
type Status struct {
	Volume
	Space
	// Full is the time until it is full at the rate of the last quarter of an hour; 0: it does
	// not fill up.
	Full time.Duration
	// Low says that it is time to make room.
	Low bool
}

// Watch watches volumes.
type Watch struct {
	Volumes []Volume
	// A volume is low with less than so many hundredths of it free, or if it is full
	// before that time at the present rate.
	WarnPercent int
	WarnBefore  time.Duration
	Log         *slog.Logger

	statfs func(path string) (Space, error) // default the operating system's; tests put another here

	mu     sync.Mutex
	known  map[string]Status // by name
	rates  map[string]*rate
	warned map[string]time.Time
}

const (
	every  = 10 * time.Second
	remind = time.Hour // a volume that stays low is warned of again
)

// Run watches until the context ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.Look(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Look asks how much room there is.
func (w *Watch) Look(now time.Time) {
	ask := w.statfs
	if ask == nil {
		ask = statfs
	}
	for _, v := range w.Volumes {
		space, err := ask(v.Path)
		if err != nil {
			w.Log.Error("nobody knows how much room a disk has", "volume", v.Name, "path", v.Path, "error", err)
			continue
		}
		w.learn(now, v, space)
	}
}

// learn takes what a file system has said, and warns.
func (w *Watch) learn(now time.Time, v Volume, space Space) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil {
		w.known, w.rates, w.warned = map[string]Status{}, map[string]*rate{}, map[string]time.Time{}
	}
	if w.rates[v.Name] == nil {
		w.rates[v.Name] = new(rate)
	}
	s := Status{Volume: v, Space: space, Full: w.rates[v.Name].until(now, space.Free)}
	s.Low = space.Free*100 < space.Total*uint64(w.WarnPercent) || s.Full > 0 && s.Full < w.WarnBefore
	warned, low := w.warned[v.Name]
	switch {
	case s.Low && (!low || now.Sub(warned) >= remind):
		w.warned[v.Name] = now
		w.Log.Warn("a disk fills up; when it is full every call fails", "volume", v.Name, "path", v.Path, "free_bytes", space.Free, "bytes", space.Total, "full_in_seconds", int64(s.Full.Seconds()))
	case !s.Low && low:
		delete(w.warned, v.Name)
		w.Log.Info("a disk has room again", "volume", v.Name, "path", v.Path, "free_bytes", space.Free)
	}
	w.known[v.Name] = s
}

// Known is what was last known of each volume, in the order of Volumes.
func (w *Watch) Known() (all []Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.Volumes {
		if s, ok := w.known[v.Name]; ok {
			all = append(all, s)
		}
	}
	return all
}

// window is the time over which a rate is taken: long enough that a backup that
// comes and goes is no alarm, short enough that a burst is one in time.
const window = 15 * time.Minute

// rate is how fast a volume has filled up: samples of a window, each at least a
// minute after the one before.
type rate struct{ samples []sample }

type sample struct {
	at   time.Time
	free uint64
}

// until takes a sample and returns the time until nothing is free; 0: never, or
// nobody knows yet.
func (r *rate) until(now time.Time, free uint64) time.Duration {
	for len(r.samples) > 1 && now.Sub(r.samples[0].at) > window {
		r.samples = r.samples[1:]
	}
	if n := len(r.samples); n == 0 || now.Sub(r.samples[n-1].at) >= time.Minute {
		r.samples = append(r.samples, sample{now, free})
	}
	first := r.samples[0]
	took := now.Sub(first.at)
	if took < time.Minute || free >= first.free {
		return 0
	}
	perSecond := float64(first.free-free) / took.Seconds()
	return max(time.Duration(min(float64(free)/perSecond, maxSeconds))*time.Second, time.Second)
}

// maxSeconds is three years; more is never.
const maxSeconds = 1e8
