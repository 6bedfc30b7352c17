package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrNotRefused says that something the sandbox must deny was done, or was
// refused by something else than the sandbox.
var ErrNotRefused = errors.New("not refused by the sandbox")

// Check is one thing that the module must not be able to do.
type Check struct {
	Name string
	// Try does it; its error is nil if the sandbox refused.
	Try func() error
}

// Checks are the things that Verify tries. Each is harmless where it is not
// refused, and has arguments for which only a seccomp filter answers EPERM.
func Checks() []Check {
	const nowhere = -1 // a descriptor that is none
	return []Check{
		{"leave a core dump", func() error {
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
				return err
			}
			return require(limit.Cur == 0 && limit.Max == 0)
		}},
		{"be dumpable", func() error {
			dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
			if err != nil {
				return err
			}
			return require(dumpable == 0)
		}},
		{"gain privileges", func() error {
			set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			if err != nil {
				return err
			}
			return require(set == 1)
		}},
		{"open /etc/passwd", func() error {
			fd, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return refused(err)
		}},
		{"create a socket", func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return refused(err)
		}},
		{"connect", func() error { return refused(unix.Connect(nowhere, &unix.SockaddrUnix{Name: "/nonexistent"})) }},
		{"run a program", func() error { return refused(unix.Exec("/nonexistent", []string{"nonexistent"}, nil)) }},
		{"read another process", func() error {
			_, err := unix.ProcessVMReadv(nowhere, nil, nil, 0)
			return refused(err)
		}},
		{"trace another process", func() error { return refused(unix.PtraceAttach(nowhere)) }},
		{"set up io_uring", func() error {
			_, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
			return refused(errno)
		}},
		{"map executable memory", func() error {
			b, err := unix.Mmap(nowhere, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err == nil {
				err = errors.Join(ErrNotRefused, unix.Munmap(b))
			}
			return refused(err)
		}},
	}
}

// Verify tries what the module must not be able to do, after Harden and Enter.
// Its error names everything that was not refused.
func Verify() error {
	var failed []error
	for _, c := range Checks() {
		if err := c.Try(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	return errors.Join(failed...)
}

func refused(err error) error {
	if err == nil {
		return ErrNotRefused
	}
	if !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %w", ErrNotRefused, err)
	}
	return nil
}

func require(ok bool) error {
	if !ok {
		return ErrNotRefused
	}
	return nil
}
