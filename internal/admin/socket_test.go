package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"trent/internal/admin"
	"trent/internal/unixsocket"
)

// dialVariable has this test binary dial a socket as another user and say what
// comes of it.
const dialVariable = "TRENT_ADMIN_DIAL"

func TestMain(m *testing.M) {
	path := os.Getenv(dialVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	_, err := admin.NewClient(path).Account(context.Background(), "") // a path that no node is asked for
	os.Stdout.WriteString(verdict(err))
}

// verdict names what a client was told.
func verdict(err error) string {
	switch {
	case err == nil:
		return "answered"
	case errors.Is(err, admin.ErrNotAdmitted):
		return "not admitted"
	default:
		return err.Error()
	}
}

func listen(t *testing.T, path string, uids ...uint32) *admin.Socket {
	t.Helper()
	l, err := admin.Listen(path, uids, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reached reports whether a connection to path comes out of l.
func reached(t *testing.T, l *admin.Socket, path string) bool {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	return true
}

func TestSocketFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.sock")
	l := listen(t, path)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if !reached(t, l, path) {
		t.Error("not reached")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the stop: %v", err)
	}
	shared := listen(t, path, 12345)
	defer shared.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("for further users: %v, %v", info.Mode(), err)
	}
}

// TestLongPath: a folder's depth is no obstacle, though the kernel takes 107
// bytes only.
func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	l := listen(t, path)
	if _, err := admin.Listen(path, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, unixsocket.ErrInUse) {
		t.Errorf("a second server: %v", err)
	}
	served := make(chan error, 1)
	s := admin.NewServer(recorder{}, slog.New(slog.DiscardHandler))
	go func() { served <- s.Serve(l) }()
	if _, err := admin.NewClient(path).Account(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no such path") {
		t.Errorf("a client: %v", err)
	}
	if err := errors.Join(s.Close(t.Context()), <-served); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the stop: %v", err)
	}
	if _, err := admin.NewClient(path).Status(t.Context()); !errors.Is(err, admin.ErrNoServer) {
		t.Errorf("no server: %v", err)
	}
	tooLong := filepath.Join(t.TempDir(), strings.Repeat("n", 120))
	if l, err := admin.Listen(tooLong, nil, slog.New(slog.DiscardHandler)); err == nil {
		l.Close()
		t.Error("a name that no path makes short enough is accepted")
	}
}

// TestPeers: the kernel's word about who connects decides, also where the
// file's mode lets everybody connect.
func TestPeers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become other users")
	}
	const listed, other = 12345, 12346
	// Everybody can go through this folder, and everybody runs this program.
	dir, err := os.MkdirTemp("", "trent-admin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "program")
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(program, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	l := listen(t, path, listed)
	s := admin.NewServer(recorder{}, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	for uid, want := range map[uint32]string{listed: "no such path", other: "not admitted", 0: "no such path"} {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = []string{dialVariable + "=" + path}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("user %d: %q, %v; want %q", uid, out, err, want)
		}
	}
	if err := errors.Join(s.Close(t.Context()), <-served); err != nil {
		t.Error(err)
	}
}

// TestImpostor: a user who has put a socket where everybody can is no server;
// one in a folder of his own is.
func TestImpostor(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become other users")
	}
	const other = 12346
	dir, err := os.MkdirTemp("", "trent-admin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	l := listenAs(t, other, path)
	defer l.Close()
	sent := make(chan int, 2) // to each connection, before it was closed
	go func() {
		for range cap(sent) {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := conn.Read(make([]byte, 1))
			conn.Close()
			sent <- n
		}
	}()
	if _, err := admin.NewClient(path).Status(t.Context()); !errors.Is(err, admin.ErrNoServer) || !strings.Contains(err.Error(), "user 12346 listens") || <-sent != 0 {
		t.Errorf("where everybody can: %v", err)
	}
	if err := os.Chown(dir, other, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.NewClient(path).Status(t.Context()); !errors.Is(err, admin.ErrNotAdmitted) || <-sent != 1 { // it was asked, and hung up
		t.Errorf("the folder's owner: %v", err)
	}
}

// listenAs listens as another user: the kernel notes whose thread it was.
func listenAs(t *testing.T, uid int, path string) (l net.Listener) {
	t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		if _, _, no := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); no != 0 {
			err = no
			return
		}
		l, err = net.Listen("unix", path)
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// recorder is a Node that can be asked for nothing, and takes records of that.
type recorder struct{ admin.Node }

func (recorder) Record(context.Context, admin.Act) error { return nil }
