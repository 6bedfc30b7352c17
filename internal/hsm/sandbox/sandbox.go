// Package sandbox takes rights away from the crypto module once it has opened
// what it needs: everything but its sockets, its memory and its threads. It
// follows Landlock (landlock(7)) and seccomp (seccomp(2)); its filter is a list
// of what is permitted.
//
// It must never give a right back, and it cannot: all of it is for the life of
// the process. Only cmd/trent-hsm and the module's tests import it.
package sandbox

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Level says what Enter achieved.
type Level struct {
	// LandlockABI is the kernel's version of Landlock; 0 if it has none, and
	// then the file system is closed by seccomp alone.
	LandlockABI int
}

// layer is one way in which the process is closed.
type layer struct {
	name  string
	enter func() error
}

// layers are all of them, in order: the second would refuse the first. Each
// closes the file system by itself.
func layers() []layer {
	return []layer{
		{"landlock", func() error { return landlock.V11.BestEffort().Restrict() }},
		{"seccomp", func() error { return install(assemble(nativeArch, permitted(os.Getpid()))) }},
	}
}

// Enter closes the file system, the network and other processes to the whole
// process: with Landlock as far as the kernel has it, and with a seccomp
// filter, without which it fails. The filter permits the system calls that the
// Go runtime and the module make, with the arguments with which they make
// them, and answers every other with EPERM. Descriptors that are open stay
// usable.
func Enter() (Level, error) {
	var level Level
	if abi, err := llsyscall.LandlockGetABIVersion(); err == nil {
		level.LandlockABI = abi
	}
	for _, l := range layers() {
		if err := l.enter(); err != nil {
			return Level{}, fmt.Errorf("sandbox: %s: %w", l.name, err)
		}
	}
	return level, nil
}
