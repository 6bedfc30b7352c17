package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a program that does lines.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestFirst: the arguments of the first start stay until a module has answered.
func TestFirst(t *testing.T) {
	t.Parallel()
	c := NewChild("/nonexistent", []string{"--key"}, quietLog()).First("--create")
	t.Cleanup(c.Close)
	if _, err := c.start(); err == nil {
		t.Fatal("nothing was started")
	}
	silent := script(t, "exit 1")
	arguments := script(t, `echo "$@" >&3`)
	for _, s := range []struct{ program, read string }{
		{silent, ""}, {arguments, "--key --create --fd 3\n"}, {arguments, "--key --fd 3\n"}, {silent, ""}, {arguments, "--key --fd 3\n"},
	} {
		c.path = s.program
		conn, err := c.start()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || string(got) != s.read {
			t.Errorf("%q, %v; want %q", got, err, s.read)
		}
		c.Close()
	}
}

// TestChildHasNoEnvironment: a shell adds names of its own, and no other's.
func TestChildHasNoEnvironment(t *testing.T) {
	t.Setenv("TRENT_CANARY", "seen")
	c := NewChild(script(t, `echo "<$TRENT_CANARY$HOME>" >&3`), nil, quietLog())
	t.Cleanup(c.Close)
	conn, err := c.start()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "<>\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestStarterKeepsItsThread: the kernel kills the module when the thread ends
// that started it, so no other goroutine may have it and end it.
func TestStarterKeepsItsThread(t *testing.T) {
	t.Parallel()
	c := NewChild(script(t, "read line <&3"), nil, quietLog())
	t.Cleanup(c.Close)
	if _, err := c.start(); err != nil {
		t.Fatal(err)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	found := false
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if head, rest, _ := strings.Cut(stack, "\n"); strings.Contains(rest, "supervisor.run.func1") && strings.Contains(head, "locked to thread") {
			found = true
		}
	}
	if !found {
		t.Errorf("no goroutine keeps its thread:\n%s", stacks)
	}
}

const orphanVariable = "TRENT_SUPERVISOR_ORPHAN"

// Orphan is called first by TestMain. In a process that was started to be the
// service of TestModuleEndsWithTheService it starts a module that does not look at its connection, tells its
// process id, and waits to be killed.
func Orphan() {
	if os.Getenv(orphanVariable) == "" {
		return
	}
	c := NewChild(os.Getenv(orphanVariable), nil, quietLog())
	if _, err := c.start(); err != nil {
		panic(err)
	}
	fmt.Println(c.Pid())
	select {}
}

// TestModuleEndsWithTheService kills the service, as nothing can prevent.
func TestModuleEndsWithTheService(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), orphanVariable+"="+script(t, "exec sleep 300"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for deadline := time.Now().Add(10 * time.Second); lives(pid); {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the module goes on without its service")
		}
		runtime.Gosched()
	}
}

// lives says whether a process is there and has not ended.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// TestPeer: whoever listens must be the owner of the socket's folder.
func TestPeer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := NewSocket(path, quietLog()).dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := checkPeer(conn, uint32(os.Geteuid())+1); !errors.Is(err, errPeer) {
		t.Errorf("another user's: %v", err)
	}
	if os.Geteuid() == 0 { // nobody else can give a folder away
		if err := os.Chown(dir, 65534, -1); err != nil {
			t.Fatal(err)
		}
		if conn, err := NewSocket(path, quietLog()).dial(t.Context()); !errors.Is(err, errPeer) {
			t.Errorf("in another user's folder: %v, %v", conn, err)
		}
	}
	for _, mode := range []os.FileMode{0o770, 0o702, 0o720} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if conn, err := NewSocket(path, quietLog()).dial(t.Context()); !errors.Is(err, errFolder) {
			t.Errorf("mode %04o: %v, %v", mode, conn, err)
		}
	}
}
