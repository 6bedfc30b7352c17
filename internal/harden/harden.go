// Package harden makes a process keep its memory and descriptors to itself.
// Both programs call it first. It must never do what a process may have to
// undo. Only the programs import it.
package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Process makes the process leave no core dump (RLIMIT_CORE 0) and makes it not
// dumpable: its memory and descriptors cannot be read through /proc by other
// processes of its user, nor can they attach a debugger.
func Process() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("harden: no core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("harden: not dumpable: %w", err)
	}
	return nil
}
