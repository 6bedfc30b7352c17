package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"trent/internal/store"
)

// token is a value of a size that tokens have, which consists of a marker of its
// own: any 33 bytes of it tell where they come from.
func token(i int) []byte {
	size := []int{184, 400, 1300, 2500, 5000}[i%5] // 5000: with overflow pages
	marker := fmt.Sprintf("canary-%08d-", i)
	b := []byte(marker)
	for len(b) < size {
		b = append(b, marker[:min(len(marker), size-len(b))]...)
	}
	return b
}

// TestErase: after keys are deleted or overwritten and Erase has returned, no
// file of the folder holds a byte sequence of the old values, whatever pages
// they wandered through in the meantime.
func TestErase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openDir(t, dir)
	rng := rand.New(rand.NewPCG(1, 2))
	n := 400
	if os.Getenv("TRENT_SOAK") == "1" {
		n = 5000
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "eu-central-1/m/%016x", uint64(i)*0x9e3779b97f4a7c15) }
	write := func(ops []store.Op) {
		t.Helper()
		for len(ops) > 0 {
			batch := ops[:min(20, len(ops))]
			if ok, _, err := s.Txn(t.Context(), nil, batch); !ok || err != nil {
				t.Fatal(ok, err)
			}
			ops = ops[len(batch):]
		}
	}
	var ops []store.Op
	for i := range n {
		ops = append(ops, store.Op{Key: key(i), Value: token(i)})
	}
	write(ops)
	ops = nil
	gone := map[int]bool{}
	for _, i := range rng.Perm(n)[:n*2/3] {
		gone[i] = true
		op := store.Op{Key: key(i), Delete: true}
		if i%4 == 0 { // a rewrapped token: overwritten, by a shorter or longer one
			op = store.Op{Key: key(i), Value: bytes.Repeat([]byte{'n'}, rng.IntN(3000))}
		}
		ops = append(ops, op)
	}
	write(ops)
	if found := scan(t, dir); len(found) <= n-len(gone) {
		t.Errorf("before Erase only %d values are found: the scan finds nothing, or there is nothing to erase", len(found))
	}
	if err := s.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := scan(t, dir)
	for i := range n {
		if found[i] == gone[i] {
			t.Errorf("value %d: deleted %v, found in %v", i, gone[i], found[i])
		}
	}
	for i := range n {
		_, _, err := s.Get(t.Context(), key(i))
		if errors.Is(err, store.ErrNotFound) != (gone[i] && i%4 != 0) {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// TestEraseAfterChurn: rows that come and go beside others make SQLite move
// cells from page to page, and leave copies of them. Erase finds those of the
// deleted rows too, and what is written later brings none back.
func TestEraseAfterChurn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openDir(t, dir)
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 20
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 200
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "canary-%08d-/%016x", i, rng.Uint64()) }
	write := func(ops ...store.Op) {
		t.Helper()
		if ok, _, err := s.Txn(t.Context(), nil, ops); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	next := 0
	row := func(markers int) store.Op {
		next++
		return store.Op{Key: key(next), Value: bytes.Repeat(fmt.Appendf(nil, "canary-%08d-", next), markers)}
	}
	var live [][]store.Op  // the rows of a key
	var passing []store.Op // such as the outbox's: large, and soon gone
	for range rounds {
		gone := map[int]bool{}
		remove := func(rows ...store.Op) {
			for i, op := range rows {
				var n int
				if _, err := fmt.Sscanf(string(op.Key), "canary-%08d-", &n); err != nil {
					t.Fatal(err)
				}
				gone[n] = true
				rows[i] = store.Op{Key: op.Key, Delete: true}
			}
			write(rows...)
		}
		for range 150 {
			rows := []store.Op{row(12), row(30), row(16), row(8), row(5)}
			event := row(60 + rng.IntN(60))
			write(append(rows, event)...)
			live, passing = append(live, rows), append(passing, event)
			if len(passing) > 5 {
				remove(passing...)
				passing = nil
			}
			for range 3 { // rewrapped: written again, as long as before
				write(live[rng.IntN(len(live))][2])
			}
			if at := rng.IntN(len(live)); rng.IntN(2) == 0 {
				remove(live[at]...)
				live = append(live[:at:at], live[at+1:]...)
			}
		}
		if err := s.Erase(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(store.Op{Key: []byte("a later one"), Value: []byte("v")})
		found := scan(t, dir)
		for i := range gone {
			if found[i] {
				t.Errorf("value %d is deleted and found", i)
			}
		}
		if len(found) < 5*len(live) {
			t.Fatalf("%d rows are found of %d: the scan finds nothing", len(found), 5*len(live))
		}
	}
}

// scan says which values' markers stand in any file of a folder.
func scan(t *testing.T, dir string) map[int]bool {
	t.Helper()
	found := map[int]bool{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for {
			at := bytes.Index(b, []byte("canary-"))
			if at < 0 {
				break
			}
			b = b[at+len("canary-"):]
			var i int
			if len(b) >= 9 {
				if _, err := fmt.Sscanf(string(b[:9]), "%08d-", &i); err == nil {
					found[i] = true
				}
			}
		}
	}
	return found
}

// TestEraseWaitsForReaders: Erase does not return while a snapshot keeps the
// log, and does when its own context ends.
func TestEraseWaitsForReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openDir(t, dir)
	if ok, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte("a"), Value: bytes.Repeat([]byte("canary-00000001-"), 20_000)}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	pr, pw := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := s.Snapshot(t.Context(), pw)
		ended <- errors.Join(err, pw.Close())
	}()
	var first [1]byte
	if _, err := io.ReadFull(pr, first[:]); err != nil { // the snapshot has begun to read
		t.Fatal(err)
	}
	if ok, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte("a"), Delete: true}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	erased := make(chan error, 1)
	go func() { erased <- s.Erase(ctx) }()
	cancel()
	if err := <-erased; !errors.Is(err, context.Canceled) {
		t.Errorf("Erase during a snapshot: %v, want context.Canceled", err)
	}
	go func() { erased <- s.Erase(t.Context()) }()
	if _, err := io.Copy(io.Discard, pr); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-ended, <-erased); err != nil {
		t.Error(err)
	}
	if found := scan(t, dir); len(found) != 0 {
		t.Error("the deleted value is still in a file")
	}
}
