// Command trent is the service: the AWS KMS API, policies, storage and audit;
// and the operator's tool for it. It never holds key material; trent-hsm, which
// it starts or connects to, does. One file a command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"trent/internal/admin"
	"trent/internal/harden"
)

// Exit statuses.
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2
	exitNoServer = 3 // nobody listens on the admin socket
	exitRefused  = 4 // the server refused: the request or the user is not right
)

// errUsage marks errors of the command line.
var errUsage = errors.New("wrong usage")

const gcPercent = 400

func main() {
	if err := errors.Join(harden.Process(), harden.SealDescriptors()); err != nil {
		fmt.Fprintln(os.Stderr, "trent:", err)
		os.Exit(exitError)
	}
	// The service keeps little and allocates much; a collection at four times
	// what it keeps costs some megabytes and saves a few microseconds a request.
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "trent:", err)
	return exitStatus(err)
}

// exitStatus is the status that tells an error to scripts.
func exitStatus(err error) int {
	refusal, ok := errors.AsType[*admin.Error](err)
	switch {
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, admin.ErrNoServer):
		return exitNoServer
	case errors.Is(err, admin.ErrNotAdmitted), ok && refusal.Refused():
		return exitRefused
	}
	return exitError
}
