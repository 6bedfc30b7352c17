package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/store"
)

// filled opens a store whose keys have differing revisions and sizes.
func filled(t *testing.T, e Engine) store.Store {
	s := e.open(t)
	for i := range 30 {
		apply(t, s, putOp(fmt.Sprintf("k%d", i), string(bytes.Repeat([]byte{byte(i)}, i*i*10))),
			putOp("often", strconv.Itoa(i)), putOp("gone", ""))
	}
	apply(t, s, delOp("gone"), delOp("k7"))
	return s
}

func snapshot(t *testing.T, s store.Store) ([]byte, store.Rev) {
	t.Helper()
	var b bytes.Buffer
	rev, err := s.Snapshot(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), rev
}

// snapshotRestore: a restored store is the same store: keys, values, revisions.
func snapshotRestore(t *testing.T, e Engine) {
	for _, s := range []store.Store{e.open(t), filled(t, e)} {
		stream, rev := snapshot(t, s)
		want, wantRev := all(t, s)
		if rev != wantRev {
			t.Errorf("snapshot at revision %d of a store at %d", rev, wantRev)
		}
		place := e.New(t)
		target := e.reopen(t, place)
		if err := target.Restore(t.Context(), bytes.NewReader(stream)); err != nil {
			t.Fatal(err)
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		target = e.reopen(t, place)
		got, gotRev := all(t, target)
		if diff := cmp.Diff(want, got); gotRev != rev || diff != "" {
			t.Errorf("restored at revision %d:\n%s", gotRev, diff)
		}
		if again, _ := snapshot(t, target); !bytes.Equal(stream, again) {
			t.Error("the snapshot of a restored store differs from the one it came from")
		}
		if next := put(t, target, "a", "1"); next != rev+1 {
			t.Errorf("revision %d after a restore at %d", next, rev)
		}
	}
}

// snapshotUnderWrites: a snapshot shows one revision, however long it takes.
func snapshotUnderWrites(t *testing.T, e Engine) {
	s := e.open(t)
	write := func(n int) error {
		var ops []store.Op
		for i := range 40 {
			ops = append(ops, putOp(fmt.Sprintf("k%02d", i), fmt.Sprintf("%01000d", n)))
		}
		_, _, err := s.Txn(t.Context(), nil, ops)
		return err
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 2; n <= 60; n++ {
			if err := write(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		stream, rev := snapshot(t, s)
		r, err := store.NewSnapshotReader(bytes.NewReader(stream))
		if err != nil || r.Rev() != rev {
			t.Fatalf("stream of revision %d: %v", rev, err)
		}
		for range 40 {
			kv, err := r.Next()
			if err != nil || kv.Mod != rev || string(kv.Value) != fmt.Sprintf("%01000d", rev) {
				t.Fatalf("snapshot at %d has a key of %d, %v", rev, kv.Mod, err)
			}
		}
	}
	wg.Wait()
}

// restoreRefusesDamage: a stream that is cut, changed or longer is refused,
// and leaves the store as empty as it was.
func restoreRefusesDamage(t *testing.T, e Engine) {
	s := e.open(t)
	apply(t, s, putOp("a", "1"), putOp("b", "2"))
	put(t, s, "c", "3")
	stream, _ := snapshot(t, s)
	target := e.open(t)
	refuse := func(what string, b []byte) {
		t.Helper()
		if err := target.Restore(t.Context(), bytes.NewReader(b)); !errors.Is(err, store.ErrSnapshot) {
			t.Errorf("%s: %v, want ErrSnapshot", what, err)
		}
	}
	for n := range stream {
		refuse(fmt.Sprintf("cut to %d bytes", n), stream[:n])
		b := bytes.Clone(stream)
		b[n] ^= 1 << (n % 8)
		refuse(fmt.Sprintf("bit %d of byte %d flipped", n%8, n), b)
	}
	refuse("one byte more", append(bytes.Clone(stream), 0))
	if kvs, rev := all(t, target); len(kvs) != 0 || rev != 0 {
		t.Fatalf("refused streams left %d keys at revision %d", len(kvs), rev)
	}
	if err := target.Restore(t.Context(), bytes.NewReader(stream)); err != nil {
		t.Errorf("the whole stream: %v", err)
	}
}

func restoreRefusesFull(t *testing.T, e Engine) {
	stream, _ := snapshot(t, filled(t, e))
	s := e.open(t)
	put(t, s, "a", "1")
	for _, state := range []string{"a key", "a deleted key"} {
		if err := s.Restore(t.Context(), bytes.NewReader(stream)); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("into a store with %s: %v, want ErrNotEmpty", state, err)
		}
		apply(t, s, delOp("a"))
	}
	if kvs, _ := all(t, s); len(kvs) != 0 {
		t.Errorf("refused restores left %d keys", len(kvs))
	}
}
