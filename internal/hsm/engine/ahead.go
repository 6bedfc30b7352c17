package engine

import (
	"context"
	"sync"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// aheadKeys is how many RSA keys of each size are kept ready.
const aheadKeys = 4

// readyKeys holds RSA keys made ahead, in the module's memory and nowhere else: a
// key is taken once, and what is left is gone with the process. So a restored
// backup, or a copy of the store, can never hand one key to two customers.
type readyKeys struct {
	mu     sync.Mutex
	change sync.Cond
	ready  map[keyspec.Spec][][]byte // stored forms
	wanted map[keyspec.Spec]bool     // asked for since the start, or from it on
	closed bool

	// making is held while an RSA key is made, ahead or for somebody who waits:
	// one at a time, so that it takes one processor from other work at most.
	making sync.Mutex
}

func newReadyKeys(all bool) *readyKeys {
	a := &readyKeys{ready: map[keyspec.Spec][][]byte{}, wanted: map[keyspec.Spec]bool{}}
	a.change.L = &a.mu
	if all {
		for _, row := range keyspec.All() {
			a.wanted[row.Spec] = row.Family == keyspec.RSA
		}
	}
	return a
}

// take returns a key that nobody else gets, nil if none is ready. From then on
// that spec is kept ready. The caller wipes it.
func (a *readyKeys) take(s keyspec.Spec) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted[s] = true
	a.change.Signal()
	keys := a.ready[s]
	if len(keys) == 0 {
		return nil
	}
	k := keys[len(keys)-1]
	keys[len(keys)-1] = nil
	a.ready[s] = keys[:len(keys)-1]
	return k
}

// next waits until a wanted spec has too few keys, the emptiest first, the
// smaller key if two are equal; nil is the end.
func (a *readyKeys) next() *keyspec.Row {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.closed {
		var best *keyspec.Row
		rows := keyspec.All()
		for i := range rows {
			row := &rows[i]
			n := len(a.ready[row.Spec])
			if a.wanted[row.Spec] && n < aheadKeys && (best == nil || n < len(a.ready[best.Spec])) {
				best = row
			}
		}
		if best != nil {
			return best
		}
		a.change.Wait()
	}
	return nil
}

// put keeps a key ready, or wipes it if it is too late for that.
func (a *readyKeys) put(s keyspec.Spec, private []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		clear(private)
		return
	}
	a.ready[s] = append(a.ready[s], private)
}

// takeOrMake is take, and makes a key when none is ready: not before another
// that is being made, which may be one to take.
func (a *readyKeys) takeOrMake(s keyspec.Spec, generate func() ([]byte, error)) ([]byte, error) {
	if private := a.take(s); private != nil {
		return private, nil
	}
	a.making.Lock()
	defer a.making.Unlock()
	if private := a.take(s); private != nil {
		return private, nil
	}
	return generate()
}

// close wipes what is ready and ends next.
func (a *readyKeys) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, keys := range a.ready {
		for _, k := range keys {
			clear(k)
		}
	}
	clear(a.ready)
	a.change.Broadcast()
}

// MakeAhead makes RSA keys ahead until ctx ends or the engine goes mute. It
// takes a processor while it has something to make: cmd/trent-hsm runs it on a
// thread of low priority.
func (e *Engine) MakeAhead(ctx context.Context) {
	defer context.AfterFunc(ctx, e.keys.close)()
	for row := e.keys.next(); row != nil; row = e.keys.next() {
		e.keys.making.Lock()
		private, err := alg.Of(row).Generate(e.random)
		e.keys.making.Unlock()
		if err != nil {
			e.status(err) // a failing random source makes the engine mute
			return
		}
		e.keys.put(row.Spec, private)
	}
}
