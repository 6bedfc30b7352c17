package unixsocket_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"trent/internal/unixsocket"
)

// TestMain has a umask that takes nothing away, so that modes are the package's
// own doing.
func TestMain(m *testing.M) {
	syscall.Umask(0)
	os.Exit(m.Run())
}

func listen(t *testing.T, path string, mode os.FileMode) *unixsocket.Listener {
	t.Helper()
	l, err := unixsocket.Listen(path, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// reached reports the user at the other end of a connection to path, which must
// come out of l.
func reached(t *testing.T, l *unixsocket.Listener, path string) {
	t.Helper()
	conn, err := unixsocket.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for _, end := range []*net.UnixConn{conn, accepted} {
		if uid, err := unixsocket.Peer(end); err != nil || int(uid) != os.Geteuid() {
			t.Errorf("peer %d, %v", uid, err)
		}
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o600, 0o660, 0o666} {
		path := filepath.Join(t.TempDir(), "socket")
		l := listen(t, path, mode)
		if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|mode {
			t.Errorf("%v, %v; want %04o", info.Mode(), err, mode)
		}
		reached(t, l, path)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after the end: %v", err)
		}
	}
}

// TestInTheWay: what a crash has left is replaced; a socket on which somebody
// listens, and whatever is no socket, is not.
func TestInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l := listen(t, stale, 0o600)
	reached(t, l, stale)
	if _, err := unixsocket.Listen(stale, 0o600); !errors.Is(err, unixsocket.ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
	if conn, err := l.Accept(); err != nil { // of the second one, who asked
		t.Error(err)
	} else {
		conn.Close()
	}
	reached(t, l, stale)
	for name, make := range map[string]func(path string) error{
		"file":   func(path string) error { return os.WriteFile(path, []byte("kept"), 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":   func(path string) error { return os.Symlink(filepath.Join(dir, "nowhere"), path) },
	} {
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := unixsocket.Listen(path, 0o600); err == nil {
			l.Close()
			t.Errorf("a %s was replaced", name)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("the %s is gone: %v", name, err)
		}
	}
}
