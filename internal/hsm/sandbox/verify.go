package sandbox

import (
	"errors"
	"fmt"
	"slices"

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
// Calls in the form of another processor are not among them: a filter that the
// process was started under may kill it for one.
func Checks() []Check {
	return slices.Concat(stateChecks(), fileChecks(), networkChecks(), processChecks(), memoryChecks())
}

// nowhere is a descriptor, and a process, that is none.
const nowhere = -1

// stateChecks look at what was set before.
func stateChecks() []Check {
	return []Check{
		{"leave a core dump", func() error {
			var limit unix.Rlimit
			if err := unix.Prlimit(0, unix.RLIMIT_CORE, nil, &limit); err != nil {
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
		// Two is no value that the kernel takes.
		{"become dumpable", func() error { return refused(unix.Prctl(unix.PR_SET_DUMPABLE, 2, 0, 0, 0)) }},
		{"gain privileges", func() error {
			set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			if err != nil {
				return err
			}
			return require(set == 1)
		}},
	}
}

func fileChecks() []Check {
	const none = "/nonexistent/file"
	return []Check{
		{"open /etc/passwd", func() error {
			fd, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return refused(err)
		}},
		{"look at a file", func() error { return refused(unix.Stat("/", new(unix.Stat_t))) }},
		{"remove a file", func() error { return refused(unix.Unlink(none)) }},
		{"rename a file", func() error { return refused(unix.Rename(none, none)) }},
		{"change a file's mode", func() error {
			_, _, errno := unix.RawSyscall6(unix.SYS_FCHMODAT2, ^uintptr(0), 0, 0, 0, 0, 0)
			return refused(errno)
		}},
		{"truncate the log", func() error { return refused(unix.Ftruncate(unix.Stderr, -1)) }},
		{"set up io_uring", func() error {
			_, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
			return refused(errno)
		}},
	}
}

func networkChecks() []Check {
	return []Check{
		{"create a socket", func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return refused(err)
		}},
		{"connect", func() error { return refused(unix.Connect(nowhere, &unix.SockaddrUnix{Name: "/nonexistent"})) }},
		{"bind a socket", func() error { return refused(unix.Bind(nowhere, &unix.SockaddrUnix{Name: "/nonexistent"})) }},
		{"send to an address", func() error { return refused(unix.Sendto(nowhere, nil, 0, &unix.SockaddrUnix{Name: "/nonexistent"})) }},
		{"pass a descriptor on", func() error { return refused(unix.Sendmsg(nowhere, nil, nil, nil, 0)) }},
	}
}

func processChecks() []Check {
	return []Check{
		{"run a program", func() error { return refused(unix.Exec("/nonexistent", []string{"nonexistent"}, nil)) }},
		{"start a process", func() error {
			// Signal handlers cannot be shared without memory: no kernel does this.
			_, _, errno := unix.RawSyscall(unix.SYS_CLONE, unix.CLONE_SIGHAND, 0, 0)
			return refused(errno)
		}},
		{"make a namespace", func() error { return refused(unix.Unshare(0)) }},
		{"signal a process", func() error { return refused(unix.Kill(unix.Getpid(), 0)) }},
		{"signal another process's thread", func() error { return refused(unix.Tgkill(nowhere, nowhere, 0)) }},
		{"ask for another process's limits", func() error {
			return refused(unix.Prlimit(unix.Getppid(), unix.RLIMIT_CORE, nil, new(unix.Rlimit)))
		}},
		{"read another process", func() error {
			_, err := unix.ProcessVMReadv(nowhere, nil, nil, 0)
			return refused(err)
		}},
		{"trace another process", func() error { return refused(unix.PtraceAttach(nowhere)) }},
	}
}

func memoryChecks() []Check {
	page := func(protection int) ([]byte, error) {
		return unix.Mmap(nowhere, 0, unix.Getpagesize(), protection, unix.MAP_PRIVATE|unix.MAP_ANON)
	}
	return []Check{
		{"map executable memory", func() error {
			b, err := page(unix.PROT_READ | unix.PROT_EXEC)
			if err == nil {
				err = errors.Join(ErrNotRefused, unix.Munmap(b))
			}
			return refused(err)
		}},
		{"make memory executable", func() error {
			b, err := page(unix.PROT_READ)
			if err != nil {
				return err
			}
			return errors.Join(refused(unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)), unix.Munmap(b))
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
