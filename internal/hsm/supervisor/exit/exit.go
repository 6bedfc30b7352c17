// Package exit owns the exit statuses of trent-hsm, by which its supervisor
// decides whether to start it again. cmd/trent-hsm, internal/hsm/server and
// internal/hsm/supervisor may import it.
package exit

// The statuses; from 64 on as in sysexits.h.
const (
	OK       = 0  // the service closed the connection
	Failure  = 1  // could not listen, or the connection broke
	Usage    = 64 // wrong flags
	Key      = 66 // the module key file is missing or refused
	SelfTest = 69 // the subcommand selftest found a fault
	Panic    = 70 // a command panicked
	Sandbox  = 77 // the sandbox could not be entered
)

// Permanent reports whether a module that ended so would end so again.
func Permanent(status int) bool { return status == Usage || status == Key || status == Sandbox }
