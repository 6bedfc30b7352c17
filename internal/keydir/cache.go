package keydir

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const shards = 64

// A cache maps store keys to what was decoded from them, bounded in entries
// and bytes. A fill that raced with a change of its shard is used once and
// not kept, so a cache never holds what a commit has made old.
type cache[V any] struct {
	seed       maphash.Seed
	maxEntries int // of each shard
	maxBytes   int
	shard      [shards]shard[V]
}

type shard[V any] struct {
	mu    sync.RWMutex
	gen   uint64 // grows with each drop
	bytes int

	hits, misses atomic.Uint64

	m map[string]entry[V]
	_ [64]byte // keeps two shards' locks out of one cache line
}

type entry[V any] struct {
	v     V
	bytes int
}

func newCache[V any](maxEntries, maxBytes int) *cache[V] {
	c := &cache[V]{seed: maphash.MakeSeed(), maxEntries: max(maxEntries/shards, 1), maxBytes: max(maxBytes/shards, 1)}
	for i := range c.shard {
		c.shard[i].m = map[string]entry[V]{}
	}
	return c
}

func (c *cache[V]) of(key []byte) *shard[V] { return &c.shard[maphash.Bytes(c.seed, key)%shards] }

// get returns the value and, for put, the shard's generation as of now.
func (c *cache[V]) get(key []byte) (v V, gen uint64, ok bool) {
	s := c.of(key)
	s.mu.RLock()
	e, ok := s.m[string(key)]
	gen = s.gen
	s.mu.RUnlock()
	if ok {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
	return e.v, gen, ok
}

// put keeps v, of about n bytes, if err is nil. It reports whether the shard is
// as it was at gen; if not, nothing is kept.
func (c *cache[V]) put(key []byte, v V, n int, gen uint64, err error) bool {
	s := c.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != gen {
		return false
	}
	if err != nil || n > c.maxBytes {
		return true
	}
	for k, e := range s.m { // the map's order picks what goes
		if len(s.m) < c.maxEntries && s.bytes+n <= c.maxBytes {
			break
		}
		delete(s.m, k)
		s.bytes -= e.bytes
	}
	s.bytes += n - s.m[string(key)].bytes
	s.m[string(key)] = entry[V]{v, n}
	return true
}

func (c *cache[V]) drop(key []byte) {
	s := c.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.bytes -= s.m[string(key)].bytes
	delete(s.m, string(key))
}

// usage sums over the shards.
func (c *cache[V]) usage(name string) Usage {
	u := Usage{Cache: name}
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.RLock()
		u.Entries += len(s.m)
		u.Bytes += s.bytes
		s.mu.RUnlock()
		u.Hits += s.hits.Load()
		u.Misses += s.misses.Load()
	}
	return u
}
