package sandbox_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"trent/internal/harden"
	"trent/internal/hsm/sandbox"
)

// The sandbox is for the life of a process, so it is entered in one of its
// own: this test binary, started again.
const childVariable = "TRENT_SANDBOX_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func child() error {
	if err := harden.Process(); err != nil {
		return err
	}
	if _, err := sandbox.Enter(); err != nil {
		return err
	}
	// The runtime still has what it needs: threads, memory, collections,
	// random numbers.
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			runtime.LockOSThread() // a thread each
			b := make([]byte, 1<<20)
			rand.Read(b)
			runtime.GC()
		})
	}
	all.Wait()
	return sandbox.Verify()
}

func TestEnterDeniesAndTheRuntimeLives(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestChecksSeeAnOpenProcess proves that Verify can fail: this process is not
// in a sandbox.
func TestChecksSeeAnOpenProcess(t *testing.T) {
	t.Parallel()
	err := sandbox.Verify()
	if !errors.Is(err, sandbox.ErrNotRefused) {
		t.Fatalf("Verify outside a sandbox: %v", err)
	}
	// What a container may refuse already is left out.
	for _, name := range []string{"be dumpable", "open /etc/passwd", "create a socket", "connect", "run a program", "map executable memory"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("Verify does not see that the process can %s", name)
		}
	}
}
