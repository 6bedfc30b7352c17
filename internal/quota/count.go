package quota

import (
	"bytes"

	"trent/internal/store"
)

// count is how many keys stand below a prefix. It was read page by page, each
// as of its own revision, while the store changed.
type count struct {
	complete bool
	done     chan struct{} // closed when it is complete, or given up
	waiting  []change      // observed while it was being read
	n        int
	pages    []page              // until a later revision than all of theirs is observed
	reserved map[string]struct{} // store keys of the keys that are being made
}

// page is a part of the keys, from the end of the page before to to, as of rev.
type page struct {
	to  []byte // the first key beyond it; the last page's is the end
	rev store.Rev
}

// change is one key more, or one less.
type change struct {
	rev store.Rev
	key []byte
	by  int
}

// take applies a change, at once or when the count is complete.
func (c *count) take(change change) {
	if !c.complete {
		c.waiting = append(c.waiting, change)
		return
	}
	c.apply(change)
}

// apply counts a change unless the page with its key shows it already. A key
// that has come needs no reservation.
func (c *count) apply(change change) {
	delete(c.reserved, string(change.key))
	if last := len(c.pages) - 1; last >= 0 && change.rev > c.pages[last].rev {
		c.pages = nil // revisions are observed in order
	}
	for _, p := range c.pages {
		if bytes.Compare(change.key, p.to) < 0 {
			if change.rev <= p.rev {
				return
			}
			break
		}
	}
	c.n += change.by
}
