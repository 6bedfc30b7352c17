package live

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// Sketch finds the most frequent of many names in bounded memory: Space-Saving, by
// Metwally, Agrawal and El Abbadi, 2005. A name that has no counter takes that of the
// rarest one, and goes on from its count. So no count is too low, none is too high
// by more than is told, and who has more than one of n of all has a counter, if there
// are n of them.
type Sketch struct {
	counters counters
	by       map[string]*counter
	size     int
}

// counter counts one name.
type counter struct {
	Counted
	at int // in the heap
}

// NewSketch makes a sketch of so many counters.
func NewSketch(size int) *Sketch {
	return &Sketch{by: make(map[string]*counter, size), size: size}
}

// Add counts a name once.
func (s *Sketch) Add(name string) {
	c := s.by[name]
	switch {
	case c != nil:
	case len(s.counters) < s.size:
		c = &counter{Counted: Counted{Name: strings.Clone(name)}}
		s.by[c.Name] = c
		heap.Push(&s.counters, c)
	default:
		c = s.counters[0]
		delete(s.by, c.Name)
		c.Name, c.Over = strings.Clone(name), c.Count
		s.by[c.Name] = c
	}
	c.Count++
	heap.Fix(&s.counters, c.at)
}

// Top are all names that have a counter, the most frequent first.
func (s *Sketch) Top() []Counted {
	all := make([]Counted, 0, len(s.counters))
	for _, c := range s.counters {
		all = append(all, c.Counted)
	}
	slices.SortFunc(all, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Over, b.Over), strings.Compare(a.Name, b.Name))
	})
	return all
}

// counters is a heap, the rarest first.
type counters []*counter

func (c counters) Len() int           { return len(c) }
func (c counters) Less(i, j int) bool { return c[i].Count < c[j].Count }
func (c counters) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].at, c[j].at = i, j
}

// Push is heap.Interface's.
func (c *counters) Push(x any) {
	added := x.(*counter)
	added.at = len(*c)
	*c = append(*c, added)
}

// Pop is heap.Interface's.
func (c *counters) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
