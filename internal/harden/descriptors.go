package harden

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SealDescriptors keeps the descriptors that the process was started with,
// standard input, output and error apart, from the programs that it starts.
func SealDescriptors() error {
	inherited, err := inherited()
	for _, fd := range inherited {
		unix.CloseOnExec(fd)
	}
	return err
}

// CloseDescriptors closes the descriptors that the process was started with,
// but for standard input, output and error, and keep (-1: none).
func CloseDescriptors(keep int) error {
	inherited, err := inherited()
	for _, fd := range inherited {
		if fd != keep {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}

// inherited lists the descriptors behind standard error that the process did
// not open itself. Whatever passes from program to program has no
// close-on-exec flag, and whatever the Go runtime opens has one.
func inherited() ([]int, error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("harden: descriptors: %w", err)
	}
	var fds []int
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("harden: %s: %w", dir, err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd > unix.Stderr && err == nil && flags&unix.FD_CLOEXEC == 0 { // an error: closed by now
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
