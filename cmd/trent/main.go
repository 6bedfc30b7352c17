// Command trent is the service: the AWS KMS API, policies, storage and audit.
// It never holds key material; trent-hsm, which it starts or connects to, does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"trent/internal/harden"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

const usage = `Trent is a key management service that speaks the AWS KMS API.

Usage:
  trent dev [flags]      start a server for development, on this machine only
  trent version          print the version
  trent help [command]   explain a command

Examples:
  trent dev
  trent dev --listen 127.0.0.1:5000 --data ./kms
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-west-1 \
      aws --endpoint-url http://127.0.0.1:4599 kms create-key

Exit status: 0 success, 1 failure, 2 wrong usage.
`

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
	command := "help"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	var err error
	switch command {
	case "dev":
		err = dev(ctx, args, stdout, stderr)
	case "version", "--version":
		if len(args) > 0 {
			err = fmt.Errorf("%w: trent version takes no argument", errUsage)
			break
		}
		fmt.Fprintln(stdout, "trent", version())
	case "help", "--help", "-h":
		if len(args) > 0 && args[0] == "dev" {
			err = dev(ctx, []string{"--help"}, stdout, stdout)
			break
		}
		if len(args) > 0 {
			err = fmt.Errorf("%w: no help about %q", errUsage, args[0])
			break
		}
		fmt.Fprint(stdout, usage)
	default:
		fmt.Fprintf(stderr, "trent: unknown command %q\n\n%s", command, usage)
		return exitUsage
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "trent:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "trent:", err)
		return exitError
	}
}

// errUsage marks errors of the command line.
var errUsage = errors.New("wrong usage")

// version is the program's version and commit, as the Go toolchain stamped them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
