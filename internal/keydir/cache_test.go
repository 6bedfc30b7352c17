package keydir

import (
	"fmt"
	"testing"
)

func TestCacheKeepsNothingThatAChangeOvertook(t *testing.T) {
	t.Parallel()
	c := newCache[int](1000, 1<<20)
	_, gen, ok := c.get([]byte("k"))
	if ok {
		t.Fatal("an empty cache has an entry")
	}
	c.drop([]byte("k")) // a commit, while the old value is being read
	if c.put([]byte("k"), 1, 8, gen, nil) {
		t.Error("put says that nothing changed")
	}
	if _, _, ok := c.get([]byte("k")); ok {
		t.Error("the old value is kept")
	}
	_, gen, _ = c.get([]byte("k"))
	if !c.put([]byte("k"), 2, 8, gen, nil) {
		t.Error("put says that something changed")
	}
	if v, _, ok := c.get([]byte("k")); !ok || v != 2 {
		t.Errorf("got %v, %v", v, ok)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const maxEntries, maxBytes = 640, 64 << 10
	c := newCache[int](maxEntries, maxBytes)
	for i := range 10_000 {
		k := fmt.Appendf(nil, "key-%d", i)
		_, gen, _ := c.get(k)
		c.put(k, i, 10+i%200, gen, nil)
		u := c.usage("c")
		entries, bytes := u.Entries, u.Bytes
		if entries > maxEntries || bytes > maxBytes {
			t.Fatalf("after %d: %d entries, %d bytes", i, entries, bytes)
		}
	}
	entries := c.usage("c").Entries
	if entries < maxEntries/4 {
		t.Errorf("only %d entries are kept", entries)
	}
	for i := range 10_000 {
		c.drop(fmt.Appendf(nil, "key-%d", i))
	}
	if u := c.usage("c"); u.Entries != 0 || u.Bytes != 0 {
		t.Errorf("after dropping all: %d entries, %d bytes", u.Entries, u.Bytes)
	}
}

func TestCacheRefusesWhatIsLargerThanAShard(t *testing.T) {
	t.Parallel()
	c := newCache[int](64, 6400)
	_, gen, _ := c.get([]byte("large"))
	c.put([]byte("large"), 1, 101, gen, nil)
	if _, _, ok := c.get([]byte("large")); ok {
		t.Error("kept")
	}
}
