package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"trent/internal/bootstrap"
	"trent/internal/certificate"
	"trent/internal/config"
	"trent/internal/node"
	"trent/internal/obs"
)

const serveLong = `trent serve runs the service as a configuration file describes it, on a data
folder that "trent init" has made. It ends on SIGTERM and SIGINT: running
requests end, nothing new starts, the audit trail is brought to its end. On
SIGHUP it reads its certificates again.

It does not start if its audit trail is gone while the store says that there was
one. --new-audit-trail, given once, begins another, under a new node id and with
a record that says so; while the trail is there it is refused.

When it serves it prints one line, and tells systemd:

  trent serve: NAME=URL [NAME=URL ...] data FOLDER`

const serveExample = `  trent config example > trent.yaml
  trent init --config trent.yaml
  trent serve --config trent.yaml`

func serveCommand() *cobra.Command {
	var path string
	var newTrail bool
	c := &cobra.Command{
		Use: "serve", Short: "Run the service in production, as a configuration file describes it",
		Long: serveLong, Example: serveExample, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, warnings, err := readWarned(c, path)
			if err != nil {
				return err
			}
			signal.Ignore(syscall.SIGPIPE) // a log whose reader is gone ends no service
			lines := obs.NewLines(c.ErrOrStderr(), func(w io.Writer) slog.Handler { return newHandler(conf, w) })
			defer lines.Close()
			for _, w := range warnings {
				lines.Logger().Warn(w.Problem, "file", w.File, "line", w.Line, "key", w.Path)
			}
			err = serve(c.Context(), conf, newTrail, c.OutOrStdout(), lines)
			if errors.Is(err, context.Canceled) && c.Context().Err() != nil {
				return nil // it was told to end before it served
			}
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&newTrail, "new-audit-trail", false, "begin another audit trail in place of one that is lost for good")
	return c
}

// serve runs the service until the context ends.
func serve(ctx context.Context, conf *config.Config, newTrail bool, stdout io.Writer, lines *obs.Lines) (err error) {
	log := lines.Logger()
	if err := bootstrap.Ready(conf.Data); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // from here on it does not end the process
	defer signal.Stop(hangup)
	entrances, err := openEntrances(conf, log)
	if err != nil {
		return err
	}
	m := &module{conf: conf, log: log}
	settings := nodeConfig(conf, m, log)
	settings.AdminSocket, settings.AdminUsers, settings.SameUser, settings.Listeners = conf.Admin.Socket, conf.Admin.UserIDs(), &conf.Unseal.SameUser, entrances.listeners
	settings.MetricsAddress, settings.LogRequests, settings.DroppedLines = conf.Metrics.Address, obs.Logged(conf.Log.Requests), lines.Dropped
	settings.NewTrail, settings.Endpoints, settings.Exports = newTrail, entrances.endpoints, exportsOf(conf)
	if settings.Encryption, err = encryptionOf(conf); err != nil {
		entrances.close()
		return err
	}
	n, err := node.Open(ctx, settings)
	defer m.close() // after the node, which is connected to it
	if err != nil {
		entrances.close()
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go certificate.Watch(watching, hangup, entrances.certificates...)
	// Scripts read this line: docs and tests rely on its form.
	fmt.Fprintf(stdout, "trent serve: %s data %s\n", strings.Join(entrances.urls, " "), conf.Data)
	tellSystemd("READY=1", log)
	ending := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(ending)
		tellSystemd("STOPPING=1", log)
	})
	err = n.Serve(ctx, entrances.listeners...)
	if ctx.Err() != nil {
		<-ending
	}
	return errors.Join(err, n.Close())
}
