package unseal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// names are the entries of a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestWholeFileOrNone looks at the disk whenever something is written to it:
// the file has its name only after its content is there, and the folder is
// written last.
func TestWholeFileOrNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	var synced []string
	err := writeFile(path, []byte("content"), func(f *os.File) error {
		text, err := os.ReadFile(path)
		switch f.Name() {
		case dir:
			synced = append(synced, "folder")
			if string(text) != "content" {
				t.Errorf("when the folder is written: %q, %v", text, err)
			}
		default:
			synced = append(synced, "file")
			if content, _ := os.ReadFile(f.Name()); !errors.Is(err, fs.ErrNotExist) || string(content) != "content" {
				t.Errorf("when the file is written: it holds %q; under its name %q, %v", content, text, err)
			}
		}
		return f.Sync()
	})
	if err != nil || !slices.Equal(synced, []string{"file", "folder"}) {
		t.Errorf("%v written, %v", synced, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"key"}) {
		t.Errorf("the folder holds %q", got)
	}
}

// TestNothingStaysOfAFailure: neither half a file nor a copy of the key.
func TestNothingStaysOfAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	broken := errors.New("broken disk")
	if err := writeFile(path, []byte("content"), func(*os.File) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %q", got)
	}
	if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(path, []byte("content"), (*os.File).Sync); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	if got := names(t, dir); !slices.Equal(got, []string{"key"}) || string(text) != "another" {
		t.Errorf("the folder holds %q, the file %q, %v", got, text, err)
	}
}
