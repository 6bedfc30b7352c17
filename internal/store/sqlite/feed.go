package sqlite

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"trent/internal/store"
)

// The feed keeps at most so many recent events, and so many bytes of keys and
// values, for watches to start from and to lag behind.
const (
	maxFeedEvents = 16384
	maxFeedBytes  = 8 << 20
)

// feed hands committed transactions to observers and watches, in order of
// revision. Only the writer publishes.
type feed struct {
	observing sync.Mutex // held while observers run
	observers []*func(store.Rev, []store.Event)

	mu     sync.Mutex
	events []store.Event // recent, in order
	first  uint64        // number of events[0], counting all events ever
	bytes  int           // of events
	floor  store.Rev     // events up to here are gone
	last   store.Rev
	more   chan struct{} // closed when events come; nil if nobody waits
}

// reset forgets everything: the store is at rev.
func (f *feed) reset(rev store.Rev) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first += uint64(len(f.events)) + 1 // running watches are behind now
	f.events, f.bytes, f.floor, f.last = nil, 0, rev, rev
	f.wake()
}

// publish tells of a transaction. The events are shared with observers and
// kept; nobody may change them.
func (f *feed) publish(rev store.Rev, events []store.Event) {
	f.observing.Lock()
	for _, o := range f.observers {
		(*o)(rev, events)
	}
	f.observing.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = rev
	for _, e := range events {
		f.events = append(f.events, e)
		f.bytes += eventBytes(e)
	}
	drop := 0
	for ; len(f.events)-drop > maxFeedEvents || f.bytes > maxFeedBytes; drop++ {
		f.floor = f.events[drop].Mod
		f.bytes -= eventBytes(f.events[drop])
	}
	if drop > 0 {
		clear(f.events[:drop])
		f.events = f.events[drop:]
		f.first += uint64(drop)
	}
	f.wake()
}

// revision is that of the last transaction that was published.
func (f *feed) revision() store.Rev {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (f *feed) wake() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

func eventBytes(e store.Event) int { return len(e.Key) + len(e.Value) }

// Observe implements store.Store. The events are shared: f must not change or
// keep their slices beyond what it copies. The returned function must not be
// called from f.
func (s *Store) Observe(f func(store.Rev, []store.Event)) (stop func()) {
	s.feed.observing.Lock()
	defer s.feed.observing.Unlock()
	s.feed.observers = append(slices.Clip(s.feed.observers), &f)
	return func() {
		s.feed.observing.Lock()
		defer s.feed.observing.Unlock()
		s.feed.observers = slices.DeleteFunc(slices.Clone(s.feed.observers),
			func(o *func(store.Rev, []store.Event)) bool { return o == &f })
	}
}

// watcher reads the feed from a position of its own.
type watcher struct {
	s      *Store
	prefix []byte
	from   store.Rev
	next   uint64 // number of the next event to look at
	closed chan struct{}
	once   sync.Once
}

// Watch implements store.Store. It reaches back to the events that the feed
// still keeps; none outlive the process.
func (s *Store) Watch(ctx context.Context, prefix []byte, from store.Rev) (store.Watcher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.running.Done()
	f := &s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &watcher{s: s, prefix: bytes.Clone(prefix), from: from, next: f.first, closed: make(chan struct{})}
	switch {
	case from == 0:
		w.from, w.next = f.last, f.first+uint64(len(f.events))
	case from < f.floor:
		return nil, store.ErrCompacted
	}
	return w, nil
}

// Next implements store.Watcher. It may not be called by two goroutines at
// the same time.
func (w *watcher) Next(ctx context.Context) (store.Event, error) {
	for {
		e, found, more, err := w.poll()
		if err != nil || found {
			return e, err
		}
		select {
		case <-more:
		case <-w.closed:
			return store.Event{}, store.ErrClosed
		case <-w.s.closing:
			return store.Event{}, store.ErrClosed
		case <-ctx.Done():
			return store.Event{}, ctx.Err()
		}
	}
}

// poll looks for the next event; more is closed when there are new ones.
func (w *watcher) poll() (e store.Event, found bool, more <-chan struct{}, err error) {
	select {
	case <-w.closed:
		return e, false, nil, store.ErrClosed
	case <-w.s.closing:
		return e, false, nil, store.ErrClosed
	default:
	}
	f := &w.s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.next < f.first {
		return e, false, nil, store.ErrCompacted
	}
	for ; w.next < f.first+uint64(len(f.events)); w.next++ {
		e = f.events[w.next-f.first]
		if e.Mod > w.from && bytes.HasPrefix(e.Key, w.prefix) {
			w.next++
			e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
			return e, true, nil, nil
		}
	}
	if f.more == nil {
		f.more = make(chan struct{})
	}
	return store.Event{}, false, f.more, nil
}

// Close implements store.Watcher.
func (w *watcher) Close() { w.once.Do(func() { close(w.closed) }) }
