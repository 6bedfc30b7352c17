package bootstrap_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"trent/internal/bootstrap"
)

const mark = "init-unfinished"

// fill makes a folder with files; an empty list makes it empty.
func fill(t *testing.T, names ...string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestStates: what each state of a folder is to a service, and to an init.
func TestStates(t *testing.T) {
	t.Parallel()
	file := filepath.Join(fill(t, "file"), "file")
	for name, c := range map[string]struct {
		folder       string
		ready, begin error
		resumed      bool
	}{
		"none":             {filepath.Join(t.TempDir(), "a", "b"), bootstrap.ErrNone, nil, false},
		"empty":            {fill(t), bootstrap.ErrNone, nil, false},
		"marked":           {fill(t, mark), bootstrap.ErrUnfinished, nil, true},
		"marked, and more": {fill(t, mark, "store"), bootstrap.ErrUnfinished, nil, true},
		"not marked":       {fill(t, "store"), nil, bootstrap.ErrExists, false},
		"a file":           {file, fs.ErrInvalid, fs.ErrInvalid, false},
	} {
		is := func(err, want error) bool {
			if want == fs.ErrInvalid { // any
				return err != nil
			}
			return errors.Is(err, want)
		}
		if err := bootstrap.Ready(c.folder); !is(err, c.ready) {
			t.Errorf("%s: ready: %v", name, err)
		}
		u, err := bootstrap.Begin(c.folder)
		if !is(err, c.begin) {
			t.Errorf("%s: begin: %v", name, err)
		}
		if err != nil {
			continue
		}
		if u.Resumed != c.resumed {
			t.Errorf("%s: resumed %v", name, u.Resumed)
		}
		if err := bootstrap.Ready(c.folder); !errors.Is(err, bootstrap.ErrUnfinished) {
			t.Errorf("%s: ready once it has begun: %v", name, err)
		}
		if info, err := os.Stat(c.folder); !c.resumed && (err != nil || info.Mode().Perm() != 0o700) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if err := os.WriteFile(filepath.Join(c.folder, "store"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := u.Finish(); err != nil {
			t.Errorf("%s: finish: %v", name, err)
		}
		if err := bootstrap.Ready(c.folder); err != nil {
			t.Errorf("%s: ready once it is finished: %v", name, err)
		}
		if _, err := bootstrap.Begin(c.folder); !errors.Is(err, bootstrap.ErrExists) {
			t.Errorf("%s: begin again: %v", name, err)
		}
	}
}

// TestOneAtATime: the second of two inits does nothing; once the first has given
// up, it takes over.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	first, err := bootstrap.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.Begin(folder); !errors.Is(err, bootstrap.ErrRunning) {
		t.Errorf("beside another: %v", err)
	}
	if err := first.Abandon(); err != nil {
		t.Fatal(err)
	}
	second, err := bootstrap.Begin(folder)
	if err != nil || !second.Resumed {
		t.Fatalf("after another: %+v, %v", second, err)
	}
	if err := second.Finish(); err != nil {
		t.Error(err)
	}
}

// TestFilesElsewhere: none of what init makes outside may be there, unless an
// earlier init made it.
func TestFilesElsewhere(t *testing.T) {
	t.Parallel()
	there := filepath.Join(fill(t, "key"), "key")
	none := filepath.Join(t.TempDir(), "key")
	folder := filepath.Join(t.TempDir(), "data")
	if _, err := bootstrap.Begin(folder, none, there); !errors.Is(err, bootstrap.ErrExists) {
		t.Errorf("a key file that is there: %v", err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made all the same: %v", err)
	}
	u, err := bootstrap.Begin(fill(t, mark), none, there)
	if err != nil || !u.Resumed {
		t.Fatalf("of an earlier init: %v", err)
	}
	if err := u.Abandon(); err != nil {
		t.Error(err)
	}
}

// TestVolume: a folder that is there and empty will do, whoever owns the one
// above it.
func TestVolume(t *testing.T) {
	t.Parallel()
	folder := fill(t)
	parent := filepath.Dir(folder)
	if err := os.Chmod(parent, 0o100); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(parent, 0o700) })
	u, err := bootstrap.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Finish(); err != nil {
		t.Error(err)
	}
}
