package audit

import (
	"bytes"
	"testing"
)

// TestChain: chain and JSON make the record again, with its hash; another byte
// makes another.
func TestChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr, err := Open(t.Context(), dir, Options{Node: [16]byte{9}, Mode: Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := tr.Append(t.Context(), []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range Records(dir) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		again, err := Rechain(r.Chain(), r.JSON)
		if err != nil || again.Hash != r.Hash || again.Sequence != r.Sequence || again.Node != r.Node || again.Epoch != r.Epoch || again.PreviousHash != r.PreviousHash {
			t.Errorf("record %d: %+v, %v, want %+v", n, again, err, r)
		}
		for i := range r.Chain() {
			chain := r.Chain()
			chain[i] ^= 1
			if other, err := Rechain(chain, r.JSON); err != nil || other.Hash == r.Hash {
				t.Errorf("byte %d of the chain is not in the hash", i)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d records", n)
	}
	for _, bad := range [][2][]byte{{nil, []byte("{}")}, {make([]byte, 63), []byte("{}")}, {make([]byte, 65), []byte("{}")}, {make([]byte, 64), nil}, {make([]byte, 64), bytes.Repeat([]byte(" "), MaxRecordBytes+1)}} {
		if _, err := Rechain(bad[0], bad[1]); err == nil {
			t.Errorf("%d and %d bytes are taken for a record", len(bad[0]), len(bad[1]))
		}
	}
}
