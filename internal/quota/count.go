package quota

import "trent/internal/store"

// count is how many keys stand below a prefix.
type count struct {
	complete bool
	done     chan struct{} // closed when it is complete, or given up
	waiting  []change      // observed while it was being read
	n        int
	rev      store.Rev           // as of which it was read
	reserved map[string]struct{} // store keys of the keys that are being made
}

// change is one key more, or one less.
type change struct {
	rev store.Rev
	key []byte
	by  int
}

// completeAs makes the count complete: n as of rev, and what has been observed
// meanwhile.
func (c *count) completeAs(n int, rev store.Rev) {
	c.n, c.rev, c.complete = n, rev, true
	for _, change := range c.waiting {
		c.apply(change)
	}
	c.waiting = nil
}

// take applies a change, at once or when the count is complete.
func (c *count) take(change change) {
	if !c.complete {
		c.waiting = append(c.waiting, change)
		return
	}
	c.apply(change)
}

// apply counts a change unless what was read shows it already: a commit can be
// read before it is observed. A key that has come needs no reservation.
func (c *count) apply(change change) {
	delete(c.reserved, string(change.key))
	if change.rev > c.rev {
		c.n += change.by
	}
}
