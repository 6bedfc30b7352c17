package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// privateFolder is a folder in which a module listens.
func privateFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestListenReplacesNothingButSockets: connecting to a file is refused as
// connecting to a socket without a listener is.
func TestListenReplacesNothingButSockets(t *testing.T) {
	t.Parallel()
	own := []uint32{uint32(os.Geteuid())}
	for name, make := range map[string]func(path string) error{
		"file":   func(path string) error { return os.WriteFile(path, []byte("key"), 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"link to a file": func(path string) error {
			return errors.Join(os.WriteFile(path+".file", []byte("key"), 0o600), os.Symlink(path+".file", path))
		},
		"link to nothing": func(path string) error { return os.Symlink(path+".none", path) },
		"named pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(privateFolder(t), "s")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := Listen(path, own); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s: %v, %v", name, l, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s: is not there any more: %v", name, err)
		}
	}
}

// TestListenWaitsForAnotherStart: what is bound and does not listen yet is not
// replaced, however long that lasts.
func TestListenWaitsForAnotherStart(t *testing.T) {
	t.Parallel()
	own := []uint32{uint32(os.Geteuid())}
	dir := privateFolder(t)
	path := filepath.Join(dir, "s")
	lock, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(first)
	if err := bind(first, path); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		l, err := Listen(path, own)
		if err == nil {
			unix.Close(l.fd)
		}
		ended <- err
	}()
	for !waits(t, dir) {
		select {
		case err := <-ended:
			t.Fatalf("the second start did not wait: %v", err)
		default:
			runtime.Gosched()
		}
	}
	if err := unix.Listen(first, 1); err != nil {
		t.Fatal(err)
	}
	unix.Close(lock)
	if err := <-ended; !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("the second start: %v", err)
	}
}

// waits says whether somebody waits for a lock on dir.
func waits(t *testing.T, dir string) bool {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			return true
		}
	}
	return false
}

// TestManyStarts: of modules that are started at once, one listens.
func TestManyStarts(t *testing.T) {
	t.Parallel()
	own := []uint32{uint32(os.Geteuid())}
	for range 20 {
		path := filepath.Join(privateFolder(t), "s")
		type result struct {
			l   *Listener
			err error
		}
		results := make(chan result)
		const starts = 8
		for range starts {
			go func() {
				l, err := Listen(path, own)
				results <- result{l, err}
			}()
		}
		listening := 0
		for range starts {
			r := <-results
			switch {
			case r.err == nil:
				listening++
				defer unix.Close(r.l.fd)
			case !errors.Is(r.err, unix.EADDRINUSE):
				t.Error(r.err)
			}
		}
		if listening != 1 {
			t.Errorf("%d modules listen at one path", listening)
		}
	}
}

func TestFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir, own := privateFolder(t), uint32(os.Geteuid())
	if err := checkFolder(dir, own, false); err != nil {
		t.Error(err)
	}
	if err := checkFolder(dir, own+1, false); !errors.Is(err, ErrFolder) {
		t.Errorf("folder of another user: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := checkFolder(link, own, false); !errors.Is(err, ErrFolder) {
		t.Errorf("link to a folder: %v", err)
	}
}
