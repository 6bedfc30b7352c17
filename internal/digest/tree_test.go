package digest

import (
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// tree is the tree of the first records of a trail.
func tree(t *testing.T, dir string, size uint64) Tree {
	t.Helper()
	var made tlog.Tree
	for r, err := range audit.Records(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if made.Size() < size {
			made.Add(r.Hash)
		}
	}
	if made.Size() != size {
		t.Fatalf("the trail has %d records, want %d", made.Size(), size)
	}
	return Tree{Node: node, Size: size, Root: made.Root()}
}

// signAgain has the keys' owner make the digests of a trail anew.
func (t *trail) signAgain(dir string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, hex.EncodeToString(node[:]), folderName)); err != nil {
		t.Fatal(err)
	}
	again := &trail{T: t.T, dir: dir, signer: t.signer}
	a, m := again.open()
	again.digest(m)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrees: a trail has the trees that it had, of every size; another tree, one
// that is larger than the trail, and one of another node are found.
func TestTrees(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	var all []Tree
	for size := range uint64(78) {
		all = append(all, tree(t, tr.dir, size+1))
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if r := tr.verify(tr.dir, Options{Trees: all}); !r.Sound() || r.Nodes[0].Checkpoint != 78 {
		t.Errorf("%.300v, up to %d", r.Findings, r.Nodes[0].Checkpoint)
	}
	if r := tr.verify(tr.dir, Options{Trees: []Tree{{Node: node, Root: new(tlog.Tree).Root()}}}); !r.Sound() {
		t.Errorf("the checkpoint of an empty log: %v", r.Findings)
	}
	whole := tree(t, tr.dir, 78)
	for text, known := range map[string]Tree{
		"not those of the checkpoint of size 77":   {node, 77, whole.Root, nil},
		"79 records, of which the first 78 are":    {node, 79, whole.Root, nil},
		"whole trail of this node is missing":      {[16]byte{7}, 78, whole.Root, nil},
		"of size 0 is not that of an empty log":    {node, 0, whole.Root, nil},
		"a checkpoint has 9223372036854775807 rec": {node, 1<<63 - 1, whole.Root, nil},
	} {
		r := tr.verify(tr.dir, Options{Trees: []Tree{known}})
		if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, text) {
			t.Errorf("%v, want %q", r.Findings, text)
		}
	}
}

// TestOwnersOfTheKeysAreFound: each of many random edits of what a checkpoint has
// is found by it, also if whoever has the keys has signed all digests anew.
func TestOwnersOfTheKeysAreFound(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	witnessed := tree(t, tr.dir, 75)
	var possible []int
	for i, e := range edits {
		if slices.Contains(wholeEdits, e.name) {
			possible = append(possible, i)
		}
	}
	if len(possible) != len(wholeEdits) {
		t.Fatalf("%d of the edits %q are there", len(possible), wholeEdits)
	}
	rounds, seed := 100, rand.Uint64()
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 1000
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		dir := t.TempDir()
		copyTrail(t, tr.dir, dir)
		edit := edits[possible[random.IntN(len(possible))]]
		edit.do(t, dir, random, 75)
		tr.signAgain(dir)
		if r := tr.verify(dir, Options{}); !r.Sound() {
			t.Fatalf("seed %d: %s: the new digests do not hide it: %v", seed, edit.name, r.Findings)
		}
		if r := tr.verify(dir, Options{Trees: []Tree{witnessed}}); r.Sound() {
			t.Errorf("seed %d: %s is not found", seed, edit.name)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// wholeEdits leave a trail whose form is right.
var wholeEdits = []string{"a record that is changed", "a record that is taken out", "a record that is put in", "two records in each other's place", "an end that is cut off"}
