// Package sandbox takes rights away from the crypto module once it has opened
// what it needs: everything but its sockets, its memory and its threads.
//
// It must never give a right back, and it cannot: all of it is for the life of
// the process. Only cmd/trent-hsm and the module's tests import it.
package sandbox

import (
	"errors"
	"fmt"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Level says what Enter achieved.
type Level struct {
	// LandlockABI is the kernel's version of Landlock; 0 if it has none, and
	// then the file system is closed by seccomp alone.
	LandlockABI int
}

// Enter closes the file system, the network, other processes and the kernel's
// less common entrances to the whole process: with Landlock as far as the
// kernel has it, and with a seccomp filter, without which it fails.
// Descriptors that are open stay usable. Names of denied system calls are
// answered with EPERM.
func Enter() (Level, error) {
	var level Level
	if abi, err := llsyscall.LandlockGetABIVersion(); err == nil {
		level.LandlockABI = abi
	}
	if err := landlock.V11.BestEffort().Restrict(); err != nil {
		return Level{}, fmt.Errorf("sandbox: landlock: %w", err)
	}
	if !seccomp.Supported() {
		return Level{}, errors.New("sandbox: the kernel has no seccomp filters")
	}
	filter := seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionErrno, Names: denied(), NamesWithCondtions: newCode(),
			}},
		},
	}
	if err := seccomp.LoadFilter(filter); err != nil {
		return Level{}, fmt.Errorf("sandbox: seccomp: %w", err)
	}
	return level, nil
}
