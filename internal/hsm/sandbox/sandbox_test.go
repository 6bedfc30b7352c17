package sandbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/harden"
	"trent/internal/hsm/domain/slab"
)

// The sandbox is for the life of a process, so it is entered in one of its
// own: this test binary, started again to be a child.
const childVariable = "TRENT_SANDBOX_CHILD"

func child(name string) func() error {
	switch name {
	case "live":
		return live
	case "landlock alone":
		return func() error { return alone("landlock", unix.EACCES) }
	case "seccomp alone":
		return func() error { return alone("seccomp", unix.EPERM) }
	case "foreign":
		return foreign
	case "waits":
		return waits
	case "panics":
		return panics
	}
	return nil
}

func TestMain(m *testing.M) {
	run := child(os.Getenv(childVariable))
	if run == nil {
		os.Exit(m.Run())
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func start(t *testing.T, child string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+child)
	return cmd
}

func TestChildren(t *testing.T) {
	t.Parallel()
	for _, child := range []string{"live", "landlock alone", "seccomp alone", "foreign"} {
		t.Run(child, func(t *testing.T) {
			t.Parallel()
			if out, err := start(t, child).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		})
	}
}

// live: the runtime still has what it needs, and nothing that Verify tries is
// possible.
func live() error {
	if err := harden.Process(); err != nil {
		return err
	}
	keys, err := slab.New(1)
	if err != nil {
		return err
	}
	hidden := keys.Hidden()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	if _, err := Enter(); err != nil {
		return err
	}
	// Keys find room, in memory of the same kind.
	for range 10_000 {
		if _, err := keys.Put(new([slab.KeySize]byte)); err != nil {
			return err
		}
	}
	if keys.Hidden() != hidden {
		return errors.New("memory for more keys is not hidden")
	}
	// Threads, memory, collections, random numbers.
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			runtime.LockOSThread() // a thread each, which ends
			b := make([]byte, 1<<20)
			rand.Read(b)
			runtime.GC()
		})
	}
	// Timers, the poller behind them, and goroutines that are interrupted.
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	timer := time.NewTimer(20 * time.Millisecond)
	<-timer.C
	close(done)
	all.Wait()
	// A signal to itself.
	if err := unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGUSR1); err != nil {
		return err
	}
	<-signals
	return Verify()
}

// alone enters one layer, which must close the file system by itself.
func alone(name string, want error) error {
	for _, l := range layers() {
		if l.name != name {
			continue
		}
		if err := l.enter(); err != nil {
			return err
		}
		fd, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if !errors.Is(err, want) {
			return fmt.Errorf("open: %d, %v", fd, err)
		}
		return nil
	}
	return errors.New("there is no such layer")
}

// waits is in the sandbox until it is ended by a signal.
func waits() error {
	if _, err := Enter(); err != nil {
		return err
	}
	fmt.Println("entered")
	select {}
}

// panics ends as the runtime ends a program that cannot go on.
func panics() error {
	if _, err := Enter(); err != nil {
		return err
	}
	fmt.Println("entered")
	panic("in the sandbox")
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		child  string
		send   syscall.Signal
		status string
	}{
		{"waits", syscall.SIGTERM, "signal: terminated"}, {"waits", syscall.SIGQUIT, "exit status 2"}, {"panics", 0, "exit status 2"},
	} {
		cmd := start(t, c.child)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("entered"))); err != nil {
			t.Error(err)
		}
		if c.send != 0 {
			if err := cmd.Process.Signal(c.send); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Wait(); err == nil || err.Error() != c.status {
			t.Errorf("%s, %v: %v", c.child, c.send, err)
		}
	}
}

// TestChecksSeeAnOpenProcess proves that Verify can fail: this process is not
// in a sandbox.
func TestChecksSeeAnOpenProcess(t *testing.T) {
	t.Parallel()
	err := Verify()
	if !errors.Is(err, ErrNotRefused) {
		t.Fatalf("Verify outside a sandbox: %v", err)
	}
	// What a container may refuse already is left out.
	for _, name := range []string{
		"be dumpable", "become dumpable", "open /etc/passwd", "look at a file", "remove a file", "rename a file", "truncate the log",
		"create a socket", "connect", "bind a socket", "pass a descriptor on", "run a program", "start a process", "signal a process",
		"signal another process's thread", "map executable memory", "make memory executable",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("Verify does not see that the process can %s", name)
		}
	}
}
