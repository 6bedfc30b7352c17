package supervisor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor"
)

var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	servertest.Main()
	supervisor.Orphan()
	os.Exit(m.Run())
}

// newChild supervises this test binary as a module.
func newChild(t *testing.T) *supervisor.Child {
	t.Helper()
	child := supervisor.NewChild(os.Args[0], servertest.Args(t), quiet)
	t.Cleanup(child.Close)
	return child
}

// random asks the module for a byte.
func random(c *client.Client) error {
	call := c.Start(proto.CmdGenerateRandom)
	defer call.Done()
	call.Frame = (&proto.GenerateRandomRequest{Bytes: 1}).Append(call.Frame)
	_, err := call.Do(context.Background())
	return err
}

// TestKilledModuleIsStartedAgain kills the module while sixteen callers use
// it: all see ErrUnavailable or their answer, and are served again.
func TestKilledModuleIsStartedAgain(t *testing.T) {
	t.Parallel()
	child := newChild(t)
	c := client.New(quiet)
	ctx, cancel := context.WithCancel(t.Context())
	pids, ended := make(chan int, 8), make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx, child, func(context.Context) error { pids <- child.Pid(); return nil })
	}()
	defer func() { cancel(); <-ended }()

	served := make(chan struct{}, 1) // somebody has an answer
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := random(c); {
				case err == nil:
					select {
					case served <- struct{}{}:
					default:
					}
				case !errors.Is(err, client.ErrUnavailable):
					t.Errorf("while the module is killed: %v", err)
				}
			}
		})
	}
	for range 3 {
		pid := <-pids
		<-served
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	<-pids
	select {
	case <-served: // may be from before the last kill
	default:
	}
	<-served
	close(stop)
	callers.Wait()
}

// TestChildEndsWithTheConnection proves that no module is left behind.
func TestChildEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	child := newChild(t)
	if _, err := child.Connect(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	pid := child.Pid()
	child.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Close: %v", pid, err)
	}
}

func TestMuteModuleIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	child := newChild(t)
	if _, err := child.Connect(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := child.Connect(t.Context(), true); !errors.Is(err, supervisor.ErrMute) {
		t.Errorf("after a mute module: %v", err)
	}
}

// TestPermanentFailure has a key file that the module refuses.
func TestPermanentFailure(t *testing.T) {
	t.Parallel()
	args := servertest.Args(t)
	if err := os.WriteFile(args[1], []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	child := supervisor.NewChild(os.Args[0], args, quiet)
	t.Cleanup(child.Close)
	conn, err := child.Connect(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the module's end: %v", err)
	}
	if _, err := child.Connect(t.Context(), false); !errors.Is(err, supervisor.ErrPermanent) {
		t.Errorf("after a permanent failure: %v", err)
	}
}

func TestSocketRefusesAFolderThatOthersCanWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if conn, err := supervisor.NewSocket(filepath.Join(dir, "socket"), quiet).Connect(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connected: %v %v", conn, err)
	}
}
