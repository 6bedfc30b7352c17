// Command trent-hsm is Trent's crypto module: the process that alone sees key
// material. It answers the frames of docs/formats.md on a socket, and has no
// other interface. This package is wiring only.
//
// Exit status: 0 the service went away, 1 it could not listen or serve, 64 wrong
// flags, 66 the module key file is missing or refused, 69 the self-test
// subcommand failed, 70 a panic, 77 the sandbox could not be entered. The
// service starts a module again after 0, 1, 70 and signals, not after the rest.
package main

import (
	"context"
	"crypto/fips140"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"

	"trent/internal/harden"
	"trent/internal/hsm/domain"
	"trent/internal/hsm/engine"
	"trent/internal/hsm/sandbox"
	"trent/internal/hsm/server"
	"trent/internal/hsm/supervisor/exit"
	"trent/internal/hsm/unseal"
)

func main() {
	if err := withoutTraces(); err != nil {
		fmt.Fprintln(os.Stderr, "trent-hsm:", err)
		os.Exit(exit.Sandbox)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as parameters. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	options, err := parse(args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exit.OK
	}
	if err != nil {
		fmt.Fprintln(stderr, "trent-hsm:", err)
		return exit.Usage
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: options.level}))
	switch {
	case options.version:
		fmt.Fprintln(stdout, "trent-hsm", build())
		return exit.OK
	case options.selftest:
		return selfTest(stdout)
	case options.init:
		return initialize(options.keyFile, stdout, stderr)
	}
	return serve(options, log)
}

// initialize makes the module key file, and nothing in place of one.
func initialize(path string, stdout, stderr io.Writer) int {
	if err := harden.Process(); err != nil {
		fmt.Fprintln(stderr, "trent-hsm:", err)
		return exit.Sandbox
	}
	if err := ownFolderOf(path); err != nil {
		fmt.Fprintln(stderr, "trent-hsm:", err)
		return exit.Key
	}
	file, err := unseal.CreateFile(path)
	if err != nil {
		fmt.Fprintln(stderr, "trent-hsm:", err)
		return exit.Key
	}
	defer file.Close()
	fmt.Fprintf(stdout, `module key file %s made.
Keep a copy of it, apart from backups of the service's data folder: without it
nothing can be decrypted, and with both everything can.
`, path)
	return exit.OK
}

// ownFolderOf refuses a folder of another user's: a key file that root makes is
// of no use to the module's user.
func ownFolderOf(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("the folder of %s belongs to another user than this one, %d: run this as the module's user, who owns both", path, os.Geteuid())
	}
	return nil
}

// busyThreads are those that compute for milliseconds to seconds: the workers
// of the two lanes, and the one that makes keys ahead. Each has a processor of
// Go's scheduler beyond the machine's: Go's scheduler would let a fast command
// wait for one of theirs for 10 ms, the kernel's does not.
const busyThreads = 3

// gcPercent has garbage collected when there is four times as much of it as of
// what the module keeps, which is little: the libraries of some algorithms leave
// so much that a third of the processor time went into collecting it.
const gcPercent = 400

// tune sets Go's runtime to what the module does.
func tune() {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + busyThreads)
	debug.SetGCPercent(gcPercent)
}

// serve opens what the module needs, closes everything else, and serves.
func serve(o options, log *slog.Logger) int {
	tune()
	signal.Ignore(syscall.SIGPIPE) // a log whose reader is gone ends no module
	if err := harden.Process(); err != nil {
		log.Error("cannot protect memory", "error", err)
		return exit.Sandbox
	}
	if err := harden.CloseDescriptors(o.fd); err != nil {
		log.Error("cannot close what was inherited", "error", err)
		return exit.Sandbox
	}
	// The key first: a wrong --listen must not touch a key file.
	key, err := keyFile(o)
	if err != nil {
		log.Error("no module key", "error", err)
		return exit.Key
	}
	serveOn, err := open(o)
	if err != nil {
		log.Error("cannot serve", "error", err)
		return exit.Failure
	}
	domains, err := newDomains(o, key, log)
	if err != nil {
		log.Error("cannot hold domains", "error", err)
		return exit.Failure
	}
	hidden := key.Hidden() && domains.Hidden()
	if !hidden {
		log.Warn("keys lie in memory that root can read: the kernel has no memfd_secret, or not for this process")
	}
	// The self-tests run here. A module that fails one is mute from the
	// start, and serves to say so.
	module := engine.New(engine.Config{Domains: domains, Build: build(), ApprovedOnly: fips140.Enforced(), Certified: certified(), AheadFromStart: !o.dev, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	makeAhead, err := quietThread(func() { module.MakeAhead(ctx) })
	if err != nil {
		log.Error("cannot start making keys ahead", "error", err)
		return exit.Failure
	}
	level, err := sandbox.Enter()
	if err == nil {
		err = sandbox.Verify()
	}
	if err != nil {
		log.Error("cannot enter the sandbox", "error", err)
		return exit.Sandbox
	}
	log.Info("serving", "build", build(), "dev", o.dev, "mute", module.Muted(), "landlock_abi", level.LandlockABI,
		"memory_hidden", hidden)
	makeAhead()
	s := server.New(module, log)
	defer s.Close()
	if err := serveOn(s); err != nil {
		log.Error("connection ended", "error", err)
		return exit.Failure
	}
	return exit.OK
}

// quietThread returns what starts work on a thread that gives way to others.
// The thread is there before the sandbox, which lets no priority be set.
func quietThread(work func()) (start func(), err error) {
	ready, begin := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		ready <- unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), quietPriority)
		<-begin
		work()
	}()
	return func() { close(begin) }, <-ready
}

// quietPriority is the nice value of threads that may wait: a quarter of a
// processor that they share. Not the lowest: whoever asks for a key may wait
// for the one that is being made, and a collection of garbage for the thread.
const quietPriority = 5

// open opens the socket and returns how to serve it.
func open(o options) (func(*server.Server) error, error) {
	if o.listen != "" {
		listener, err := server.Listen(o.listen, o.uids)
		if err != nil {
			return nil, err
		}
		return func(s *server.Server) error { return s.Serve(listener) }, nil
	}
	socket, err := server.OpenSocket(o.fd)
	if err != nil {
		return nil, err
	}
	return func(s *server.Server) error { return s.ServeConn(socket) }, nil
}

// keyFile opens the module key file, or makes it where that was asked for and
// there is none.
func keyFile(o options) (*unseal.File, error) {
	file, err := unseal.OpenFile(o.keyFile)
	if o.createKeyFile && errors.Is(err, os.ErrNotExist) {
		return unseal.CreateFile(o.keyFile)
	}
	return file, err
}

// newDomains has room for domain keys, and knows with which domains of other
// modules multi-Region keys may be exchanged.
func newDomains(o options, key *unseal.File, log *slog.Logger) (*domain.Set, error) {
	domains, err := domain.NewSet(domain.Config{Dev: o.dev, Providers: []unseal.Provider{key}})
	if err != nil || o.peers == "" {
		return domains, err
	}
	peers, err := domain.OpenPeers(o.peers)
	if err != nil {
		return nil, err
	}
	domains.Trust(peers)
	for _, p := range peers {
		log.Info("multi-Region keys may be exchanged with a domain of another module", "region", p.Region, "domain", hex.EncodeToString(p.ID[:]))
	}
	return domains, nil
}

// certified says whether this is trent-hsm-fips, by how it was built: GODEBUG can
// have any program enforce approved algorithms.
func certified() bool { return fipsOnly && fips140.Version() != "latest" }

// build is the program's version, as the Go toolchain stamped it.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return version
}
