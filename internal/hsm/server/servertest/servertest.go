// Package servertest runs a real crypto module, engine and server, in a process
// of its own: the test binary started again. It is for tests only.
package servertest

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/engine"
	"trent/internal/hsm/sandbox"
	"trent/internal/hsm/server"
	"trent/internal/hsm/supervisor/exit"
	"trent/internal/hsm/unseal"
)

// Child is the argument before a key file's path with which a test binary
// becomes a module. Supervisors append "--fd 3".
const Child = "trent-hsm-child"

// Main is called first in TestMain. In a process that was started to be a
// module it serves and does not return.
func Main() {
	if len(os.Args) != 5 || os.Args[1] != Child {
		return
	}
	fd, err := strconv.Atoi(os.Args[4])
	if err != nil {
		os.Exit(exit.Usage)
	}
	os.Exit(serve(os.Args[2], fd))
}

// Args are the arguments that make the test binary a module with a key file of
// its own, which is made where it is missing.
func Args(tb testing.TB) []string {
	tb.Helper()
	return []string{Child, filepath.Join(tb.TempDir(), "key")}
}

func serve(keyFile string, fd int) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	socket, err := server.OpenSocket(fd)
	if err != nil {
		return exit.Usage
	}
	file, err := unseal.OpenFile(keyFile)
	if errors.Is(err, os.ErrNotExist) {
		file, err = unseal.CreateFile(keyFile)
	}
	if err != nil {
		log.Error("key file", "error", err)
		return exit.Key
	}
	set, err := domain.NewSet(domain.Config{Dev: true, Providers: []unseal.Provider{file}})
	if err != nil {
		log.Error("domains", "error", err)
		return exit.Failure
	}
	e := engine.New(engine.Config{Domains: set, Build: "test", Log: log})
	if _, err := sandbox.Enter(); err != nil {
		log.Error("sandbox", "error", err)
		return exit.Sandbox
	}
	s := server.New(e, log)
	defer s.Close()
	if err := s.ServeConn(socket); err != nil {
		return exit.Failure
	}
	return exit.OK
}

// Process is a module and the connection to it.
type Process struct {
	net.Conn
	Pid int
}

// Start starts a module, which ends with the test at the latest.
func Start(tb testing.TB) *Process {
	tb.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "module"), os.NewFile(uintptr(fds[1]), "service")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append(Args(tb), "--fd", "3")...)
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		conn.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("module: %v", err)
		}
	})
	return &Process{conn, cmd.Process.Pid}
}
