package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// SQLite zeroes what is deleted (secure_delete), and pages that become free.
// But when it divides the cells of full or sparse pages anew, the places that
// cells have left keep their bytes, outside of any cell: a deleted value may
// have such copies in pages that it was moved from long before. scrub zeroes
// what no cell, and nothing else, of a b-tree page uses. SQLite never reads
// that, so it may read the same pages meanwhile, and a crash in the middle
// does no harm.
//
// The layout is that of SQLite's file format, "B-tree Pages":
// https://www.sqlite.org/fileformat2.html#b_tree_pages

const (
	dbHeaderBytes  = 100 // before the first page's own header
	scrubPages     = 256 // read at once
	maxScrubPages  = 1 << 25
	interiorIndex  = 0x02
	interiorTable  = 0x05
	leafIndex      = 0x0a
	leafTable      = 0x0d
	leafHeader     = 8
	interiorHeader = 12
)

// errPage says that a page is not what the file format says.
var errPage = errors.New("store: a b-tree page is malformed")

// scrubFile zeroes the unused bytes of all b-tree pages of a database without a
// write-ahead log, and syncs what it has changed. Nobody may write to the
// database meanwhile, and who did must not write what it still has in memory.
func scrubFile(f *os.File) error {
	var head [dbHeaderBytes]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("store: scrub: %w", err)
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 1 << 16
	}
	usable := size - int(head[20])
	buffer := make([]byte, scrubPages*size)
	zeros, changed := make([]byte, size), false
	for page := int64(0); ; page += scrubPages {
		n, err := f.ReadAt(buffer, page*int64(size))
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("store: scrub: %w", err)
		}
		// From here on the number of a following page, with which other pages
		// begin, could look like the type of a b-tree page.
		if n > 0 && page+scrubPages > maxScrubPages {
			return errors.New("store: scrub: the database is too large")
		}
		for i := 0; i+size <= n; i += size {
			header := 0
			if page == 0 && i == 0 {
				header = dbHeaderBytes
			}
			err := unused(buffer[i:i+usable], header, func(from, to int) error {
				if bytes.Equal(buffer[i+from:i+to], zeros[:to-from]) {
					return nil
				}
				changed = true
				_, err := f.WriteAt(zeros[:to-from], page*int64(size)+int64(i+from))
				return err
			})
			if err != nil {
				return fmt.Errorf("store: scrub page %d: %w", page+int64(i/size)+1, err)
			}
		}
		if n < len(buffer) {
			break
		}
	}
	if !changed {
		return nil
	}
	return f.Sync()
}

// unused calls zero for the parts of a page that nothing uses: between the cell pointers and the cells, and in the free blocks.
func unused(page []byte, header int, zero func(from, to int) error) error {
	at := header
	switch page[header] {
	case leafIndex, leafTable:
		at += leafHeader
	case interiorIndex, interiorTable:
		at += interiorHeader
	default:
		return nil // an overflow page or a free one
	}
	word := func(i int) int { return int(binary.BigEndian.Uint16(page[i:])) }
	pointers := at + 2*word(header+3)
	cells := word(header + 5)
	if cells == 0 {
		cells = 1 << 16
	}
	if cells < pointers || cells > len(page) {
		return errPage
	}
	if err := zero(pointers, cells); err != nil {
		return err
	}
	for block, last := word(header+1), cells-1; block != 0; {
		// Blocks stand in ascending order: next block, length, unused bytes.
		if block <= last || block+4 > len(page) || block+word(block+2) > len(page) || word(block+2) < 4 {
			return errPage
		}
		if err := zero(block+4, block+word(block+2)); err != nil {
			return err
		}
		last, block = block, word(block)
	}
	return nil
}
