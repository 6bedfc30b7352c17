package identity

import (
	"sync"
	"sync/atomic"
)

// A cache maps names to what was made of records, bounded in entries and bytes.
type cache[V any] struct {
	name       string
	changes    *changes
	maxEntries int
	maxBytes   int

	mu    sync.RWMutex
	m     map[string]entry[V]
	bytes int

	hits, misses atomic.Uint64
}

// entry is a cached value, what it was made of, and about how large it is.
type entry[V any] struct {
	v     V
	seen  []seen
	bytes int
}

func newCache[V any](name string, c *changes, maxEntries, maxBytes int) *cache[V] {
	return &cache[V]{name: name, changes: c, maxEntries: maxEntries, maxBytes: maxBytes, m: map[string]entry[V]{}}
}

// get returns an entry of which nothing has changed since it was read.
func (c *cache[V]) get(name string) (entry[V], bool) {
	c.mu.RLock()
	e, ok := c.m[name]
	c.mu.RUnlock()
	if ok = ok && c.changes.hold(e.seen); ok {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
	return e, ok
}

// put keeps an entry. What has changed meanwhile is never returned by get.
func (c *cache[V]) put(name string, e entry[V]) {
	if e.bytes > c.maxBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(name)
	for other := range c.m { // the map's order picks what goes
		if len(c.m) < c.maxEntries && c.bytes+e.bytes <= c.maxBytes {
			break
		}
		c.remove(other)
	}
	c.m[name] = e
	c.bytes += e.bytes
}

// drop frees what an entry holds.
func (c *cache[V]) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(name)
}

func (c *cache[V]) remove(name string) {
	if e, ok := c.m[name]; ok {
		c.bytes -= e.bytes
		delete(c.m, name)
	}
}

func (c *cache[V]) usage() Usage {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Usage{Cache: c.name, Entries: len(c.m), Bytes: c.bytes, Hits: c.hits.Load(), Misses: c.misses.Load()}
}

// Usage is what a cache holds, and how often it had what it was asked for.
type Usage struct {
	Cache        string // "access_keys", "day_keys", "principals", "groups", "managed_policies"
	Entries      int
	Bytes        int
	Hits, Misses uint64
}
