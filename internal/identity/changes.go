package identity

import (
	"hash/maphash"
	"sync/atomic"
)

// changes counts the commits that touch a store key. What is cached remembers
// the counts of the store keys that it was made of, and is out of date as soon
// as one of them has grown: so a change takes effect with its commit, and nobody
// has to know what depends on what. Store keys share counters by their hash: a
// commit can make more out of date than it has changed, never less.
type changes struct {
	seed   maphash.Seed
	counts [counters]atomic.Uint64
}

// counters makes it unlikely that something is read again for nothing.
const counters = 1 << 16

func newChanges() *changes { return &changes{seed: maphash.MakeSeed()} }

// seen is a counter as it stood before its store key was read.
type seen struct {
	counter uint16
	count   uint64
}

func (c *changes) counter(path []byte) uint16 {
	return uint16(maphash.Bytes(c.seed, path)) // the lowest 16 bits of a hash
}

// now is the counter of a store key that is about to be read: a commit that the
// read misses grows it afterwards.
func (c *changes) now(path []byte) seen {
	i := c.counter(path)
	return seen{i, c.counts[i].Load()}
}

// changed says that a commit has written or deleted a store key.
func (c *changes) changed(path []byte) { c.counts[c.counter(path)].Add(1) }

// hold reports whether nothing has changed of what was read.
func (c *changes) hold(all []seen) bool {
	for _, s := range all {
		if c.counts[s.counter].Load() != s.count {
			return false
		}
	}
	return true
}
