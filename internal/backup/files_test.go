package backup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSave: a file is new, whole and its owner's, or it is not there.
func TestSave(t *testing.T) {
	t.Parallel()
	file, made := newService(t).backup(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	if _, err := Save(path, bytes.NewReader(file[:len(file)-1])); !errors.Is(err, ErrNotValid) {
		t.Errorf("cut short: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v is left, %v", entries, err)
	}
	m, err := Save(path, bytes.NewReader(file))
	if diff := cmp.Diff(made, m); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%x, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := Save(path, bytes.NewReader(file)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v", entries, err)
	}
}

// TestFolder: a data folder is marked from before it has anything until it is
// finished, and abandoned it is as it was.
func TestFolder(t *testing.T) {
	t.Parallel()
	for _, exists := range []bool{false, true} {
		home := t.TempDir()
		data := filepath.Join(home, "data")
		begin := func() *Folder {
			t.Helper()
			f, err := BeginFolder(data)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(data, "store"), 0o700); err != nil {
				t.Fatal(err)
			}
			return f
		}
		if exists {
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		f := begin()
		if err := Whole(data); !errors.Is(err, ErrCutOff) {
			t.Errorf("unfinished: %v", err)
		}
		if _, err := BeginFolder(data); !errors.Is(err, ErrCutOff) {
			t.Errorf("while another restore is at work: %v", err)
		}
		if err := f.Abandon(); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(data); errors.Is(err, fs.ErrNotExist) == exists || len(entries) != 0 {
			t.Errorf("%v is left, %v", entries, err)
		}
		if err := begin().Finish(); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(data); err != nil || len(entries) != 1 || Whole(data) != nil {
			t.Errorf("%v, %v, %v", entries, err, Whole(data))
		}
		if _, err := BeginFolder(data); !errors.Is(err, ErrNotEmpty) || errors.Is(err, ErrCutOff) {
			t.Errorf("over a data folder: %v", err)
		}
	}
}
