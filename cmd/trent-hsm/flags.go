package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
)

const usage = `trent-hsm is Trent's crypto module. The service starts it as its child; or it runs
under a user of its own and listens on a socket.

Usage:
  trent-hsm --key-file PATH (--fd N | --listen SOCKET [--allow-uid UID]...) [flags]
  trent-hsm init --key-file PATH
  trent-hsm selftest
  trent-hsm --version

Examples:
  # Once, as the module's user: make its key file. It overwrites nothing.
  trent-hsm init --key-file /var/lib/trent-hsm/module.key

  # A module of its own, for a service that runs as user 990. The folder belongs
  # to the module's user and has mode 0750, with a group that both share.
  trent-hsm --key-file /var/lib/trent-hsm/module.key --listen /run/trent-hsm/socket --allow-uid 990

  # Multi-Region keys may go to, and come from, the domains of another module, whose
  # "trent region replication-key" has printed the lines of this file.
  trent-hsm --key-file /var/lib/trent-hsm/module.key --listen /run/trent-hsm/socket --replication-peers /etc/trent-hsm/peers

  # For development: make the key file while serving.
  trent-hsm --key-file ./module.key --create-key-file --dev --listen ./run/socket

  # Known-answer tests, and proof that the sandbox denies what it must.
  trent-hsm selftest

Flags:
`

type options struct {
	keyFile       string
	createKeyFile bool
	dev           bool
	fd            int
	listen        string
	uids          []uint32
	peers         string
	level         slog.Level
	version       bool
	selftest      bool
	init          bool
}

// parse reads the command line. The error is flag.ErrHelp after --help.
func parse(args []string, stdout, stderr io.Writer) (options, error) {
	o := options{fd: -1}
	flags := flag.NewFlagSet("trent-hsm", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.keyFile, "key-file", "", "module key file, `PATH` (docs/formats.md), mode 0600")
	flags.BoolVar(&o.createKeyFile, "create-key-file", false, "make the key file if it does not exist")
	flags.BoolVar(&o.dev, "dev", false, "hold development domains, and no others")
	flags.IntVar(&o.fd, "fd", -1, "serve the connected socket of descriptor `N`, and end with it")
	flags.StringVar(&o.listen, "listen", "", "listen at `SOCKET`, in a folder of mode 0700 (0750 with --allow-uid)")
	flags.Func("allow-uid", "user `UID` whose processes may connect, besides the module's own; may be repeated", func(s string) error {
		uid, err := strconv.ParseUint(s, 10, 32)
		o.uids = append(o.uids, uint32(uid))
		return err
	})
	flags.StringVar(&o.peers, "replication-peers", "", "exchange multi-Region keys also with the domains of other modules that are in the file `PATH` (docs/formats.md)")
	flags.TextVar(&o.level, "log-level", slog.LevelInfo, "`LEVEL` of what is logged to standard error: DEBUG, INFO, WARN, ERROR")
	flags.BoolVar(&o.version, "version", false, "print the version and end")
	if len(args) > 0 && args[0] == "init" { // its flags follow it, as --key-file everywhere
		o.init, args = true, args[1:]
	}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return o, err
	}
	if err != nil {
		return o, err
	}
	return o, o.check(flags.Args())
}

func (o *options) check(args []string) error {
	switch {
	case o.version:
		return nil
	case len(args) == 1 && args[0] == "selftest" && !o.init:
		o.selftest = true
		return nil
	case len(args) > 0:
		return fmt.Errorf("unexpected argument %q; --help shows the usage", args[0])
	case o.keyFile == "":
		return errors.New("--key-file is missing; --help shows the usage")
	case o.init:
		if o.createKeyFile || o.dev || o.fd >= 0 || o.listen != "" || len(o.uids) > 0 || o.peers != "" {
			return errors.New("init takes --key-file only")
		}
		return nil
	case (o.fd < 0) == (o.listen == ""):
		return errors.New("one of --fd and --listen is needed")
	case len(o.uids) > 0 && o.listen == "":
		return errors.New("--allow-uid needs --listen")
	}
	o.uids = append(o.uids, uint32(os.Geteuid()))
	return nil
}
