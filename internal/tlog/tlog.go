// Package tlog owns the transparency log of an audit trail: a Merkle tree over
// one node's records, its tiles, its checkpoints, and proofs that a record is in
// it (docs/formats.md, "Transparency log").
//
// A digest holds against whoever does not have the crypto module's keys. A
// checkpoint that others have signed beside it, its witnesses, holds against
// everybody: who commands the module as well cannot show another past than the
// one they have seen.
//
// An entry of the log is a record's hash and not the record: records of up to a
// megabyte have no room in entry bundles, and the log can be handed to outsiders
// without telling them anything. The tree is made of the trail alone, in the
// background, after the digests: removed, it is made again, the same.
//
// The package must never sign a tree that does not continue the one that it
// signed before, nor one with records that no digest covers, nor before the tiles
// are on the disk; and verifying must need nothing but files and public keys. The
// wiring makes logs; internal/digest verifies trails by their checkpoints.
//
// The formats are C2SP's: tlog-tiles, tlog-checkpoint, tlog-cosignature,
// tlog-proof, signed-note; the hashes are RFC 6962's.
package tlog

import (
	"encoding/hex"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// originPrefix begins every log's origin; the node's id, which no other has, ends
// it.
const originPrefix = "trent/"

// Origin is the name of a node's log in its checkpoints, and of its keys.
func Origin(node [16]byte) string { return originPrefix + hex.EncodeToString(node[:]) }

// NodeOf is the node of a log's origin.
func NodeOf(origin string) (node [16]byte, ok bool) {
	text, is := strings.CutPrefix(origin, originPrefix)
	id, err := hex.DecodeString(text)
	if !is || err != nil || len(id) != len(node) {
		return node, false
	}
	node = [16]byte(id)
	return node, Origin(node) == origin
}

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// Tree is the right edge of a Merkle tree that grows: of each level of tiles the
// hashes that are not a full tile yet. The zero value is the empty tree.
type Tree struct {
	size   uint64
	levels [][]tlog.Hash
	// full, if not nil, is told of each tile that has become full.
	full func(level int, number uint64, hashes []tlog.Hash)
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Add adds a record by its hash.
func (t *Tree) Add(record [32]byte) { t.add(tlog.RecordHash(record[:])) }

// add adds a leaf.
func (t *Tree) add(h tlog.Hash) {
	t.size++
	number := t.size
	for level := 0; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, make([]tlog.Hash, 0, tileWidth))
		}
		number = (number - 1) / tileWidth // of the tile that the hash goes to
		hashes := append(t.levels[level], h)
		t.levels[level] = hashes
		if len(hashes) < tileWidth {
			return
		}
		if t.full != nil {
			t.full(level, number, hashes)
		}
		number, h = number+1, rootOf(hashes)
		t.levels[level] = hashes[:0]
	}
}

// Root is the hash of the whole tree.
func (t *Tree) Root() [32]byte {
	var root *tlog.Hash
	for _, hashes := range t.levels {
		if len(hashes) == 0 {
			continue
		}
		r := joined(hashes, root)
		root = &r
	}
	if root == nil {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing
		return empty
	}
	return *root
}

// rootOf is the root over the hashes of a tile.
func rootOf(hashes []tlog.Hash) tlog.Hash { return joined(hashes, nil) }

// joined is the root over a level's hashes, and over what stands right of them if
// that is not nil.
func joined(hashes []tlog.Hash, right *tlog.Hash) tlog.Hash {
	if right == nil && len(hashes) == 1 {
		return hashes[0]
	}
	n := 1 // the greatest power of two that leaves something to the right
	for n*2 < len(hashes) || n*2 == len(hashes) && right != nil {
		n *= 2
	}
	left := joined(hashes[:n], nil)
	if n == len(hashes) {
		return tlog.NodeHash(left, *right)
	}
	return tlog.NodeHash(left, joined(hashes[n:], right))
}
