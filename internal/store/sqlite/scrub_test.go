package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// page is a b-tree page of 512 bytes full of a letter, with a header.
func page(kind byte, cells, content, freeBlock uint16) []byte {
	p := bytes.Repeat([]byte{'x'}, 512)
	p[0] = kind
	binary.BigEndian.PutUint16(p[1:], freeBlock)
	binary.BigEndian.PutUint16(p[3:], cells)
	binary.BigEndian.PutUint16(p[5:], content)
	return p
}

// withBlock writes a free block's header.
func withBlock(p []byte, at, next, size uint16) []byte {
	binary.BigEndian.PutUint16(p[at:], next)
	binary.BigEndian.PutUint16(p[at+2:], size)
	return p
}

func TestUnused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		page []byte
		want [][2]int
		err  error
	}{
		"leaf":                      {page(leafTable, 10, 300, 0), [][2]int{{28, 300}}, nil},
		"leaf without a cell":       {page(leafIndex, 0, 512, 0), [][2]int{{8, 512}}, nil},
		"interior":                  {page(interiorTable, 10, 300, 0), [][2]int{{32, 300}}, nil},
		"full":                      {page(interiorIndex, 10, 32, 0), [][2]int{{32, 32}}, nil},
		"free blocks":               {withBlock(withBlock(page(leafTable, 10, 300, 310), 310, 400, 20), 400, 0, 4), [][2]int{{28, 300}, {314, 330}, {404, 404}}, nil},
		"overflow or free":          {page(0, 10, 300, 0), nil, nil},
		"cells over their pointers": {page(leafTable, 10, 27, 0), nil, errPage},
		"cells beyond the page":     {page(leafTable, 10, 513, 0), nil, errPage},
		"a block before the cells":  {page(leafTable, 10, 300, 200), [][2]int{{28, 300}}, errPage},
		"blocks in a circle":        {withBlock(page(leafTable, 10, 300, 310), 310, 310, 20), [][2]int{{28, 300}, {314, 330}}, errPage},
		"a block beyond the page":   {withBlock(page(leafTable, 10, 300, 500), 500, 0, 20), [][2]int{{28, 300}}, errPage},
		"a block of two bytes":      {withBlock(page(leafTable, 10, 300, 310), 310, 0, 2), [][2]int{{28, 300}}, errPage},
	} {
		var got [][2]int
		err := unused(row.page, 0, func(from, to int) error { got = append(got, [2]int{from, to}); return nil })
		if !errors.Is(err, row.err) || len(got) != len(row.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, row.want, row.err)
			continue
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("%s: %v, want %v", name, got, row.want)
			}
		}
	}
}

// FuzzUnused: whatever a page has, its header and cell pointers are never taken
// for unused, and nothing beyond it is.
func FuzzUnused(f *testing.F) {
	f.Add(page(leafTable, 10, 300, 0), false)
	f.Add(withBlock(page(interiorIndex, 3, 100, 310), 310, 0, 20), false)
	f.Add(page(0, 0, 0, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, first bool) {
		b = append(b, make([]byte, 512)...)[:512]
		at := 0
		if first {
			at = dbHeaderBytes
		}
		pointers := at + leafHeader + 2*int(binary.BigEndian.Uint16(b[at+3:]))
		_ = unused(b, at, func(from, to int) error {
			if from < pointers || to < from || to > len(b) {
				t.Fatalf("bytes %d to %d of a page whose pointers end at %d", from, to, pointers)
			}
			return nil
		})
	})
}
