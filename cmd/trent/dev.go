package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"trent/internal/audit"
	"trent/internal/edge"
	"trent/internal/hsm/client"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
)

const devUsage = `trent dev starts a server for development, with the crypto module as its
child. It accepts the access key id "test" (account 000000000000) and every
12-digit access key id (that account), with the secret "test", in any Region.
Signatures are checked all the same. Never use it for keys that matter.

Usage:
  trent dev [flags]

Examples:
  trent dev
  trent dev --listen 127.0.0.1:5000 --data ./kms --audit strict

Flags:
`

// devFlags are the flags of trent dev.
type devFlags struct {
	listen, data, audit, hsm, hsmBinary, pprof, logLevel string
	allowRemote, http2                                   bool
	rotation                                             time.Duration
}

func (f *devFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.listen, "listen", "127.0.0.1:4599", "`address` to listen on")
	fs.StringVar(&f.data, "data", "", "data `folder`, made if it is missing (default ./trent-data)")
	fs.StringVar(&f.audit, "audit", "nowait", "when an answer may leave: nowait (its audit record is queued),\nrelaxed (written: survives a crash of trent), strict (on disk)")
	fs.StringVar(&f.hsm, "hsm", "", "Unix `socket` of a trent-hsm that was started separately")
	fs.StringVar(&f.hsmBinary, "hsm-binary", "", "trent-hsm `program` to start (default: beside trent)")
	fs.DurationVar(&f.rotation, "domain-rotation", 24*time.Hour, "`interval` of domain key rotations")
	fs.BoolVar(&f.allowRemote, "allow-remote", false, "let --listen be an address that other machines can reach")
	fs.BoolVar(&f.http2, "http2", false, "offer HTTP/2 too")
	fs.StringVar(&f.pprof, "pprof", "", "serve profiles on this loopback `address`")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

// parse reads the command line and checks it.
func (f *devFlags) parse(args []string, stderr io.Writer) (audit.Mode, slog.Level, error) {
	fs := flag.NewFlagSet("trent dev", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error is printed once, by main
	f.register(fs)
	var level slog.Level
	if err := fs.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fmt.Fprint(stderr, devUsage)
			printFlags(stderr, fs)
			return 0, level, err
		}
		return 0, level, fmt.Errorf("%w: %v; see trent help dev", errUsage, err)
	}
	if fs.NArg() > 0 {
		return 0, level, fmt.Errorf("%w: trent dev takes no argument %q", errUsage, fs.Arg(0))
	}
	mode, ok := map[string]audit.Mode{"nowait": audit.NoWait, "relaxed": audit.Relaxed, "strict": audit.Strict}[f.audit]
	if !ok {
		return 0, level, fmt.Errorf("%w: --audit %q: want nowait, relaxed or strict", errUsage, f.audit)
	}
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return 0, level, fmt.Errorf("%w: --log-level %q: want debug, info, warn or error", errUsage, f.logLevel)
	}
	if f.rotation < time.Second {
		return 0, level, fmt.Errorf("%w: --domain-rotation must be at least 1s", errUsage)
	}
	if !f.allowRemote && !loopback(f.listen) {
		return 0, level, fmt.Errorf("%w: --listen %s can be reached from other machines, and trent dev has well-known credentials; add --allow-remote if you mean it", errUsage, f.listen)
	}
	if f.pprof != "" && !loopback(f.pprof) {
		return 0, level, fmt.Errorf("%w: --pprof must be a loopback address", errUsage)
	}
	if f.data == "" {
		f.data = "trent-data"
	}
	data, err := filepath.Abs(f.data)
	f.data = data
	return mode, level, err
}

// printFlags lists the flags as they are written in the documentation.
func printFlags(w io.Writer, fs *flag.FlagSet) {
	fs.VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f)
		line := "  --" + f.Name
		if name != "" {
			line += " " + name
		}
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "%s\n        %s\n", line, strings.ReplaceAll(usage, "\n", "\n        "))
	})
}

// loopback reports whether only this machine can reach an address.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// dev runs trent dev until the context ends.
func dev(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var f devFlags
	mode, level, err := f.parse(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if f.allowRemote && !loopback(f.listen) {
		log.Warn("trent dev accepts well-known credentials from other machines", "listen", f.listen)
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	if f.pprof != "" {
		stop, err := serveProfiles(f.pprof, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	n, err := node.Open(ctx, node.Config{
		Data: f.data, Dev: true, Audit: mode, RotateEvery: f.rotation, Log: log,
		Module: func(fresh bool) (client.Source, error) { return f.module(fresh, log) },
	})
	if err != nil {
		listener.Close()
		return err
	}
	// Scripts read this line: docs and tests rely on its form.
	fmt.Fprintf(stdout, "trent dev: http://%s data %s\n", listener.Addr(), f.data)
	err = n.Serve(ctx, listener, edge.Config{Listener: "dev", HTTP2: f.http2, LocalOnly: !f.allowRemote})
	if closeErr := n.Close(); err == nil {
		err = closeErr
	}
	return err
}

// serveProfiles serves net/http/pprof on a loopback address.
func serveProfiles(addr string, log *slog.Logger) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(l); err != http.ErrServerClosed {
			log.Error("profiles", "error", err)
		}
	}()
	return func() { server.Close() }, nil
}

// module is the crypto module that the flags name: one that runs already, or a
// child with its key file in the data folder.
func (f *devFlags) module(fresh bool, log *slog.Logger) (client.Source, error) {
	if f.hsm != "" {
		return supervisor.NewSocket(f.hsm, log), nil
	}
	program := f.hsmBinary
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = filepath.Join(filepath.Dir(self), "trent-hsm")
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("the crypto module's program: %w", err)
	}
	keyFile := filepath.Join(f.data, "module", "key")
	child := supervisor.NewChild(program, []string{"--key-file", keyFile, "--dev"}, log)
	if fresh {
		if err := makeFolder(filepath.Dir(keyFile), syncFolder); err != nil {
			return nil, err
		}
		child.First("--create-key-file")
	}
	return child, nil
}

// makeFolder makes a folder and those above it that are missing, and writes
// their names to disk: what is on disk in a folder that is not is lost. sync is
// syncFolder but in tests.
func makeFolder(dir string, sync func(dir string) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The data folder may be as new: its name stands two above dir.
	data := filepath.Dir(dir)
	return errors.Join(sync(data), sync(filepath.Dir(data)))
}

// syncFolder writes the entries of a folder to disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
