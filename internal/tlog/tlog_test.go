package tlog

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// record is the hash of the record of a number, in tests.
func record(sequence uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, sequence))
}

// naive is the root as RFC 6962, section 2.1, defines it.
func naive(leaves [][32]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0][:]...))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := naive(leaves[:k]), naive(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// TestTree: at any size the tree has the root that RFC 6962 defines, and tells of
// the full tiles, each once, with the hashes that are the roots of the tiles below.
func TestTree(t *testing.T) {
	t.Parallel()
	const most = 70_000 // two full tiles' worth of level 1
	var tree Tree
	var leaves [][32]byte
	tiles := map[[2]uint64][]tlog.Hash{}
	tree.full = func(level int, number uint64, hashes []tlog.Hash) {
		at := [2]uint64{uint64(level), number}
		if tiles[at] != nil {
			t.Fatalf("tile %v is full twice", at)
		}
		tiles[at] = append([]tlog.Hash{}, hashes...)
	}
	for size := uint64(0); ; size++ {
		if tree.Size() != size {
			t.Fatalf("size %d, want %d", tree.Size(), size)
		}
		if size <= 1100 || size%4999 == 0 || size%tileWidth < 2 && size%8192 < 2 || size == most {
			if got, want := tree.Root(), naive(leaves); got != want {
				t.Fatalf("size %d: root %x, want %x", size, got, want)
			}
		}
		if size == most {
			break
		}
		tree.Add(record(size + 1))
		leaves = append(leaves, record(size+1))
	}
	if len(tiles) != most/256+most/65536 {
		t.Errorf("%d full tiles, want %d", len(tiles), most/256+most/65536)
	}
	for at, hashes := range tiles {
		span := uint64(1) // leaves under one hash
		for range at[0] {
			span *= tileWidth
		}
		for i, h := range hashes {
			from := (at[1]*tileWidth + uint64(i)) * span
			if want := naive(leaves[from : from+span]); h != tlog.Hash(want) {
				t.Fatalf("tile %v, hash %d: another than the root of leaves %d to %d", at, i, from, from+span)
			}
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	node := [16]byte{1, 2, 0xab}
	if got, ok := NodeOf(Origin(node)); !ok || got != node {
		t.Errorf("%q is of %x, %v", Origin(node), got, ok)
	}
	for _, other := range []string{"", "trent/", "trent/0102ab", "Trent/0102ab00000000000000000000000000", "trent/0102AB00000000000000000000000000", "trent/0102ab00000000000000000000000000/x"} {
		if _, ok := NodeOf(other); ok {
			t.Errorf("%q is taken for an origin", other)
		}
	}
}
