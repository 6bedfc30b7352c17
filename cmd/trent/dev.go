package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/obs"
)

const devLong = `trent dev starts a server for development, with the crypto module as its
child. It accepts the access key id "test" (account 000000000000) and every
12-digit access key id (that account), with the secret "test", in any Region.
Signatures are checked all the same. Never use it for keys that matter.

Applications are tested against it with its clock, faults, reset and seeds:
docs/dev.md.`

const devExample = `  trent dev
  trent dev --listen 127.0.0.1:5000 --data ./kms --audit strict
  trent dev --seed seed.yaml --tls
  curl -H 'Content-Type: application/json' -d '{"advance":"30d"}' http://127.0.0.1:4599/_trent/clock`

func devCommand() *cobra.Command {
	var f devFlags
	c := &cobra.Command{
		Use: "dev", Short: "Start a server for development, on this machine only",
		Long: devLong, Example: devExample, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return usageError(c, err)
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c.Flags())
	return c
}

// defaultRotation is how often trent dev rotates domain keys.
const defaultRotation = 24 * time.Hour

// devFlags are the flags of trent dev, and what check makes of them.
type devFlags struct {
	listen, data, audit, hsm, hsmBinary, adminSocket, seed, metrics, logLevel, logRequests string
	allowRemote, http2, tls                                                                bool
	tlsNames                                                                               []string
	rotation                                                                               time.Duration

	mode   audit.Mode
	level  slog.Level
	logged obs.Logged
}

func (f *devFlags) register(fs *pflag.FlagSet) {
	fs.SortFlags = false
	fs.StringVar(&f.listen, "listen", "127.0.0.1:4599", "`address` to listen on")
	fs.StringVar(&f.data, "data", "trent-data", "data `folder`, made if it is missing")
	fs.StringVar(&f.audit, "audit", "nowait", "when an answer may leave: nowait (its audit record is queued),\nrelaxed (written: survives a crash of trent), strict (on disk)")
	fs.StringVar(&f.hsm, "hsm", "", "Unix `socket` of a trent-hsm that was started separately")
	fs.StringVar(&f.hsmBinary, "hsm-binary", "", "trent-hsm `program` to start, not trent-hsm-fips (default: beside trent)")
	fs.DurationVar(&f.rotation, "domain-rotation", defaultRotation, "`interval` of domain key rotations")
	fs.BoolVar(&f.allowRemote, "allow-remote", false, "let --listen be an address that other machines can reach")
	fs.BoolVar(&f.http2, "http2", false, "offer HTTP/2 too")
	fs.StringVar(&f.seed, "seed", "", "YAML `file` of accounts and keys to make (docs/dev.md)")
	fs.BoolVar(&f.tls, "tls", false, "serve HTTPS, with a certificate made in the data folder")
	fs.StringSliceVar(&f.tlsNames, "tls-name", nil, "further `name` or address that the certificate is for")
	fs.StringVar(&f.metrics, "metrics", "", "serve /metrics, /healthz and /readyz on this `address` too")
	fs.StringVar(&f.adminSocket, "admin-socket", "", "Unix `socket` for operators (default: admin.sock in the data folder)")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&f.logRequests, "log-requests", "none", "which requests get a line in the log: all, errors or none")
}

// check reads what the flags say; its errors are the command line's.
func (f *devFlags) check() error {
	mode, ok := map[string]audit.Mode{"nowait": audit.NoWait, "relaxed": audit.Relaxed, "strict": audit.Strict}[f.audit]
	if !ok {
		return fmt.Errorf("--audit %q: want nowait, relaxed or strict", f.audit)
	}
	f.mode = mode
	if err := f.level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q: want debug, info, warn or error", f.logLevel)
	}
	if f.rotation < time.Second {
		return errors.New("--domain-rotation must be at least 1s")
	}
	if !f.allowRemote && !loopback(f.listen) {
		return fmt.Errorf("--listen %s can be reached from other machines, and trent dev has well-known credentials; add --allow-remote if you mean it", f.listen)
	}
	if err := f.logged.UnmarshalText([]byte(f.logRequests)); err != nil {
		return fmt.Errorf("--log-requests %q: %w", f.logRequests, err)
	}
	if f.metrics != "" && !f.allowRemote && !loopback(f.metrics) {
		return fmt.Errorf("--metrics %s can be reached from other machines; add --allow-remote if you mean it", f.metrics)
	}
	if f.data == "" {
		return errors.New("--data needs a folder")
	}
	if len(f.tlsNames) > 0 && !f.tls {
		return errors.New("--tls-name needs --tls")
	}
	data, err := filepath.Abs(f.data)
	f.data = data
	if f.adminSocket == "" {
		f.adminSocket = filepath.Join(data, admin.SocketName)
	}
	return err
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
