package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFrom: the first record that must be there is a node's. Without the node it is
// taken only where there is but one.
func TestFrom(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("ab", 16), strings.Repeat("cd", 16)
	folder := t.TempDir()
	parse := func(texts ...string) map[string]uint64 {
		from, err := parseFrom(texts, folder)
		if err != nil {
			return nil
		}
		named := map[string]uint64{}
		for node, n := range from {
			named[hex.EncodeToString(node[:])] = n
		}
		return named
	}
	if got := parse("7"); got != nil {
		t.Errorf("no node is there: %v", got)
	}
	for i, node := range []string{one, two} {
		if err := os.Mkdir(filepath.Join(folder, node), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := parse("7"); (i == 0) != (got[one] == 7) {
			t.Errorf("%d nodes: %v", i+1, got)
		}
	}
	if got := parse(one+":7", two+":9"); len(got) != 2 || got[one] != 7 || got[two] != 9 {
		t.Error(got)
	}
	for _, wrong := range [][]string{{"0"}, {one + ":0"}, {one + ":-1"}, {one + ":"}, {one[1:] + ":7"}, {"x"}, {one + ":7", one + ":8"}} {
		if got := parse(wrong...); got != nil {
			t.Errorf("%q is taken: %v", wrong, got)
		}
	}
}
