package harden

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// What this package does is for the life of a process, so it is done in one of
// its own: this test binary, started again.
const childVariable = "TRENT_HARDEN_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childVariable) {
	case "process":
		err = process()
	case "close":
		err = descriptors(func() error { return CloseDescriptors(4) }, unix.EBADF, nil)
	case "seal":
		err = descriptors(SealDescriptors, nil, nil)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestChildren(t *testing.T) {
	t.Parallel()
	for _, child := range []string{"process", "close", "seal"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+child)
		for range 3 { // descriptors 3, 4 and 5
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", child, err, out)
		}
	}
}

func process() error {
	if err := Process(); err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		return fmt.Errorf("core dumps of %d to %d bytes, %w", limit.Cur, limit.Max, err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		return fmt.Errorf("dumpable: %d, %w", dumpable, err)
	}
	return nil
}

// descriptors says what is wrong with descriptors 3 to 5, which were inherited,
// and with one that was not, after change. others and kept are what asking for
// 3 and 5, and for 4, comes to.
func descriptors(change func() error, others, kept error) error {
	own, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer own.Close()
	if err := change(); err != nil {
		return err
	}
	for fd, want := range map[int]error{0: nil, 1: nil, 2: nil, 3: others, 4: kept, 5: others, int(own.Fd()): nil} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if !errors.Is(err, want) {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		if sealed := flags&unix.FD_CLOEXEC != 0; others == nil && sealed != (fd > 2) {
			return fmt.Errorf("descriptor %d closes for programs: %v", fd, sealed)
		}
	}
	return nil
}
