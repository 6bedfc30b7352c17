package evidence

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// spoolBytes is about how much of a spool is kept in memory.
const spoolBytes = 64 << 20

// rowBytes is about what a row costs beside its bytes.
const rowBytes = 64

// A spool sorts more rows than fit into memory: when they are too many they go
// to a file, in order, and at the end the files are read together. Rows of one
// name become one, by merge.
type spool struct {
	folder string
	merge  func(name string, earlier, later []byte) []byte
	limit  int
	rows   map[string][]byte
	bytes  int
	runs   []*os.File
}

func newSpool(folder string, merge func(name string, earlier, later []byte) []byte) *spool {
	return &spool{folder: folder, merge: merge, limit: spoolBytes, rows: map[string][]byte{}}
}

// add adds a row, which is the spool's from now on.
func (s *spool) add(name string, value []byte) error {
	if earlier, ok := s.rows[name]; ok {
		value = s.merge(name, earlier, value)
		s.bytes -= len(earlier)
	} else {
		s.bytes += len(name) + rowBytes
	}
	s.bytes += len(value)
	s.rows[name] = value
	if s.bytes < s.limit {
		return nil
	}
	return s.flush()
}

// names are those in memory, in order.
func (s *spool) names() []string {
	names := make([]string, 0, len(s.rows))
	for name := range s.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// flush writes what is in memory to a file that has no name, and so goes with the
// process.
func (s *spool) flush() error {
	f, err := os.CreateTemp(s.folder, "trent-evidence-")
	if err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var length [2 * binary.MaxVarintLen64]byte
	for _, name := range s.names() {
		value := s.rows[name]
		n := binary.PutUvarint(length[:], uint64(len(name)))
		n += binary.PutUvarint(length[n:], uint64(len(value)))
		w.Write(length[:n])
		w.WriteString(name)
		w.Write(value)
	}
	s.rows, s.bytes = map[string][]byte{}, 0
	return w.Flush() // which has the first error
}

func (s *spool) close() error {
	var all []error
	for _, f := range s.runs {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}

// each calls yield with every row, in order of their names. It may be called
// again. What yield gets is valid until it returns.
func (s *spool) each(yield func(name string, value []byte) error) error {
	var open cursors
	for i, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		open = append(open, &cursor{age: i, file: bufio.NewReaderSize(f, 256<<10)})
	}
	open = append(open, &cursor{age: len(s.runs), names: s.names(), rows: s.rows})
	for i := 0; i < len(open); {
		switch more, err := open[i].next(); {
		case err != nil:
			return err
		case more:
			i++
		default:
			open = slices.Delete(open, i, i+1)
		}
	}
	heap.Init(&open)
	for len(open) > 0 {
		name, value := open[0].name, bytes.Clone(open[0].value)
		for {
			more, err := open[0].next()
			switch {
			case err != nil:
				return err
			case more:
				heap.Fix(&open, 0)
			default:
				heap.Pop(&open)
			}
			if len(open) == 0 || open[0].name != name {
				break
			}
			value = s.merge(name, value, bytes.Clone(open[0].value))
		}
		if err := yield(name, value); err != nil {
			return err
		}
	}
	return nil
}

// cursor reads one file's rows, or those in memory.
type cursor struct {
	age   int // rows of a higher one are later
	file  *bufio.Reader
	names []string
	rows  map[string][]byte

	name  string
	value []byte
}

func (c *cursor) next() (more bool, err error) {
	if c.file == nil {
		if len(c.names) == 0 {
			return false, nil
		}
		c.name, c.names = c.names[0], c.names[1:]
		c.value = c.rows[c.name]
		return true, nil
	}
	nameLen, err := binary.ReadUvarint(c.file)
	if err == io.EOF {
		return false, nil
	}
	var valueLen uint64
	if err == nil {
		valueLen, err = binary.ReadUvarint(c.file)
	}
	if err != nil {
		return false, fmt.Errorf("evidence: temporary file: %w", err)
	}
	b := make([]byte, nameLen+valueLen)
	if _, err := io.ReadFull(c.file, b); err != nil {
		return false, fmt.Errorf("evidence: temporary file: %w", err)
	}
	c.name, c.value = string(b[:nameLen]), b[nameLen:]
	return true, nil
}

// cursors is a heap: the first in order, and of one name the earliest.
type cursors []*cursor

func (c cursors) Len() int { return len(c) }
func (c cursors) Less(i, j int) bool {
	return c[i].name < c[j].name || c[i].name == c[j].name && c[i].age < c[j].age
}
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(x any)   { *c = append(*c, x.(*cursor)) }
func (c *cursors) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
