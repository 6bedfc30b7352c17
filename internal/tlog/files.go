package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"trent/internal/audit"
)

// Names in a log's folder. What tlog-tiles serves stands under the same names.
const (
	checkpointName = "checkpoint"
	keysName       = "keys" // verifier keys, a line each: for convenience
	tilesName      = "tile"
	anewName       = ".new" // a tree that is made again, until it is known to be the one that was signed
	beforeName     = ".old" // its tiles, on their way out
)

// entriesLevel is the level of entry bundles in paths.
const entriesLevel = -1

const (
	entryBytes     = 2 + 32 // of a bundle: u16 length ‖ a record's hash
	maxBundleBytes = tileWidth * entryBytes
)

// folder is that of one log.
type folder string

// tile is the path of a tile, or of an entry bundle, with that many hashes.
func (f folder) tile(level int, number uint64, width int) string {
	path := tlog.Tile{H: tileHeight, L: level, N: int64(number), W: width}.Path()
	path = tilesName + "/" + strings.TrimPrefix(path, fmt.Sprintf("tile/%d/", tileHeight))
	return filepath.Join(string(f), strings.Replace(path, "tile/data/", "tile/entries/", 1))
}

// partials is the folder of the partial tiles that a full one replaces.
func (f folder) partials(level int, number uint64) string {
	return f.tile(level, number, tileWidth) + ".p"
}

// errTile: a tile is missing or has another size than tiles have.
var errTile = errors.New("tlog: a tile is missing or damaged")

// readTile reads the first hashes of a tile: of a partial one, or of the full one
// that came after it.
func (f folder) readTile(level int, number uint64, width int) ([]byte, error) {
	return f.readPart(level, number, width, tlog.HashSize)
}

func (f folder) readPart(level int, number uint64, width, each int) ([]byte, error) {
	for _, w := range [...]int{width, tileWidth} {
		b, err := audit.ReadRegular(f.tile(level, number, w), maxBundleBytes)
		if err == nil && len(b) == w*each {
			return b[:width*each], nil
		}
	}
	return nil, fmt.Errorf("%w: %s", errTile, f.tile(level, number, width))
}

// readEntries reads the first entries of a bundle.
func (f folder) readEntries(number uint64, width int) ([][32]byte, error) {
	b, err := f.readPart(entriesLevel, number, width, entryBytes)
	if err != nil {
		return nil, err
	}
	entries := make([][32]byte, 0, width)
	for ; len(b) > 0; b = b[entryBytes:] {
		if binary.BigEndian.Uint16(b) != 32 {
			return nil, fmt.Errorf("%w: %s", errTile, f.tile(entriesLevel, number, width))
		}
		entries = append(entries, [32]byte(b[2:entryBytes]))
	}
	return entries, nil
}

// readTree reads the edge of the tree that a checkpoint is of, and the entries of
// the last bundle, which fit it; the last entry of all is last.
func (f folder) readTree(c *Checkpoint) (t *Tree, entries [][32]byte, last [32]byte, err error) {
	t = &Tree{size: c.Size}
	for size, level := c.Size, 0; size > 0; size, level = size/tileWidth, level+1 {
		hashes := make([]tlog.Hash, 0, tileWidth)
		if width := int(size % tileWidth); width > 0 {
			b, err := f.readTile(level, size/tileWidth, width)
			if err != nil {
				return nil, nil, last, err
			}
			for ; len(b) > 0; b = b[tlog.HashSize:] {
				hashes = append(hashes, tlog.Hash(b[:tlog.HashSize]))
			}
		}
		t.levels = append(t.levels, hashes)
	}
	if t.Root() != c.Root {
		return nil, nil, last, fmt.Errorf("%w: the tiles have another root than the checkpoint of size %d", errTile, c.Size)
	}
	if c.Size == 0 {
		return t, nil, last, nil
	}
	bundle := (c.Size - 1) / tileWidth
	entries, err = f.readEntries(bundle, int(c.Size-bundle*tileWidth))
	if err != nil {
		return nil, nil, last, err
	}
	last = entries[len(entries)-1]
	if len(entries) == tileWidth {
		return t, nil, last, nil
	}
	for i, e := range entries {
		if tlog.RecordHash(e[:]) != t.levels[0][i] {
			return nil, nil, last, fmt.Errorf("%w: entries %d and on have other hashes than their tile", errTile, bundle*tileWidth)
		}
	}
	return t, entries, last, nil
}
