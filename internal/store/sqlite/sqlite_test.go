package sqlite

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/internal/store"
)

// TestFailedDisk: a transaction whose fsync fails has an unknown outcome, and
// the engine then refuses writes, also when the disk seems well again; reads
// go on; opening anew ends it and shows the transaction whole or not at all.
func TestFailedDisk(t *testing.T) {
	t.Parallel()
	lossy() // makes the VFS known
	dir := t.TempDir()
	var log bytes.Buffer
	s, err := Open(t.Context(), dir, Options{vfs: lossyName, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	put := func(s *Store, k, v string) error {
		ok, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte(k), Value: []byte(v)}, {Key: []byte(k + k), Value: []byte(v)}})
		if err == nil && !ok {
			err = errors.New("refused")
		}
		return err
	}
	if err := put(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	observed := 0
	defer s.Observe(func(store.Rev, []store.Event) { observed++ })()
	if err := s.Err(); err != nil {
		t.Errorf("Err before the failure: %v", err)
	}
	lossy().breakDisk(dir, true)
	if err := put(s, "b", "secret-value"); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Txn on a failing disk: %v, want ErrUnknown", err)
	}
	lossy().breakDisk(dir, false)
	if n := s.Stats(); s.Err() == nil || n.Failures != 1 || n.Committed != 1 {
		t.Errorf("after the failure: %v, %+v", s.Err(), n)
	}
	if err := put(s, "c", "1"); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("Txn after a failure: %v, want a refusal", err)
	}
	if err := s.Erase(t.Context()); err == nil {
		t.Error("Erase after a failure is accepted")
	}
	if err := s.Restore(t.Context(), strings.NewReader("")); err == nil {
		t.Error("Restore after a failure is accepted")
	}
	if kv, _, err := s.Get(t.Context(), []byte("a")); err != nil || string(kv.Value) != "1" {
		t.Errorf("Get after a failure: %q, %v", kv.Value, err)
	}
	if observed != 0 {
		t.Errorf("%d transactions without known outcome were observed", observed)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || strings.Contains(log.String(), "secret-value") {
		t.Errorf("log: %s", log.String())
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close after a failure: %v", err)
	}
	s = openDir(t, dir)
	if err := put(s, "d", "1"); err != nil {
		t.Errorf("Txn after opening anew: %v", err)
	}
	kvs, _, _, err := s.Range(t.Context(), nil, nil, 100)
	if n := len(kvs); err != nil || n != 4 && n != 6 {
		t.Errorf("%d keys after opening anew, %v", n, err)
	}
}

// TestModes: nobody else can read the store's files, whatever the folder's
// mode was and the umask is.
func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	if ok, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte("a")}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen != 4 { // the folder, database, log and its index
		t.Errorf("%d files, %v", seen, err)
	}
}

// TestForeignDatabase: a database that is no store of this version is left alone.
func TestForeignDatabase(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"CREATE TABLE other(x)", "PRAGMA user_version=2"} {
		dir := t.TempDir()
		if sql != "CREATE TABLE other(x)" {
			if err := openDir(t, dir).Close(); err != nil {
				t.Fatal(err)
			}
		}
		c, err := (&Store{dir: dir}).openConn(sql)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), dir, Options{}); err == nil {
			t.Errorf("after %s: opened; %v", sql, s.Close())
		}
	}
}

// TestNoDatabase: a file that is no database is refused and kept.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := bytes.Repeat([]byte("no database "), 1000)
	if err := os.WriteFile(filepath.Join(dir, fileName), garbage, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), dir, Options{}); err == nil {
		t.Fatal("opened", s.Close())
	}
	if b, err := os.ReadFile(filepath.Join(dir, fileName)); err != nil || !bytes.Equal(b, garbage) {
		t.Errorf("the file has changed: %v", err)
	}
}

// TestLogStaysSmall: with a writer that never pauses, the log is moved into
// the database and started anew all the same. Without it, the log grows.
func TestLogStaysSmall(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	size := func(every int) int64 {
		s, err := Open(t.Context(), t.TempDir(), Options{checkpointEvery: every})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			var ops []store.Op
			for k := range 20 {
				ops = append(ops, store.Op{Key: []byte{byte(k * 12), byte(i)}, Value: make([]byte, 500)})
			}
			if ok, _, err := s.Txn(t.Context(), nil, ops); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		info, err := os.Stat(s.path() + "-wal")
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if n := size(40); n > limit {
		t.Errorf("the log has %d bytes, want less than %d", n, limit)
	}
	if n := size(1 << 30); n <= limit {
		t.Errorf("without checkpoints the log has %d bytes: this test shows nothing", n)
	}
}

// TestAFullDatabaseIsNotTheEnd: a statement that finds no room applies nothing,
// and the engine goes on with what fits.
func TestAFullDatabaseIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.onWriter(t.Context(), func(w *writer) error { return w.c.run("PRAGMA max_page_count=20") }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: []byte("large"), Value: bytes.Repeat([]byte("x"), 500_000)}})
		if err == nil || errors.Is(err, store.ErrUnknown) {
			t.Fatalf("no room: %v", err)
		}
	}
	if ok, _, err := s.Txn(t.Context(), []store.Cmp{{Key: []byte("large")}}, []store.Op{{Key: []byte("small"), Value: []byte("x")}}); !ok || err != nil {
		t.Errorf("what fits: %v, %v", ok, err)
	}
}
