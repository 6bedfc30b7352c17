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

// TestRefusalForGood: after a failure that the engine cannot outlast it refuses writes;
// reads go on; and Close leaves the log, of which opening anew makes the store.
func TestRefusalForGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log bytes.Buffer
	s, err := Open(t.Context(), dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	s.fail(errors.New("a failure"))
	if s.Err() == nil {
		t.Error("Err: nil")
	}
	if err := put(t, s, "b"); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("Txn after a failure: %v, want a refusal", err)
	}
	if err := s.Erase(t.Context()); err == nil {
		t.Error("Erase after a failure is accepted")
	}
	if err := s.Restore(t.Context(), strings.NewReader("")); err == nil {
		t.Error("Restore after a failure is accepted")
	}
	if got := keys(t, s); got != "a" {
		t.Errorf("after a failure: %q", got)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("log: %s", log.String())
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close after a failure: %v", err)
	}
	image := t.TempDir() // what another process finds
	if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, image)
	if got := keys(t, s); got != "a" || put(t, s, "c") != nil {
		t.Errorf("after opening anew: %q", got)
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
