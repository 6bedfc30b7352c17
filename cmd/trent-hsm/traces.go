package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"trent/internal/hsm/supervisor/exit"
)

// withoutTraces keeps stacks and registers, which show the arguments of
// functions, out of the runtime's reports of panics and of signals that somebody
// sends. Of panics only the environment can do that: runtime/debug.SetTraceback
// ignores a level below the environment's, and without one that is already too
// much. So the program starts itself again, once, as the same process. The
// runtime's own fatal errors, such as corrupt memory, are reported in full
// whatever is set.
func withoutTraces() error {
	const name, none = "GOTRACEBACK", "none"
	if os.Getenv(name) != none {
		program, err := os.Executable()
		if err != nil {
			return err
		}
		if err := os.Setenv(name, none); err != nil {
			return err
		}
		return syscall.Exec(program, os.Args, os.Environ())
	}
	sent := make(chan os.Signal, 1)
	signal.Notify(sent, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS,
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE) // sent by somebody: a fault of the program's own is a panic all the same
	go func() {
		fmt.Fprintln(os.Stderr, "trent-hsm: ended by signal:", <-sent)
		os.Exit(exit.Failure)
	}()
	return nil
}
