package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"trent/internal/bootstrap"
	"trent/internal/certificate"
	"trent/internal/config"
	"trent/internal/edge"
	"trent/internal/node"
	"trent/internal/obs"
)

const serveLong = `trent serve runs the service as a configuration file describes it, on a data
folder that "trent init" has made. It ends on SIGTERM and SIGINT: running
requests end, nothing new starts, the audit trail is brought to its end. On
SIGHUP it reads its certificates again.

When it serves it prints one line, and tells systemd:

  trent serve: NAME=URL [NAME=URL ...] data FOLDER`

const serveExample = `  trent config example > trent.yaml
  trent init --config trent.yaml
  trent serve --config trent.yaml`

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "serve", Short: "Run the service in production, as a configuration file describes it",
		Long: serveLong, Example: serveExample, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := readConfig(c, path)
			if err != nil {
				return err
			}
			lines := obs.NewLines(c.ErrOrStderr())
			defer lines.Close()
			return serve(c.Context(), conf, c.OutOrStdout(), lines)
		},
	}
	configFlag(c, &path)
	return c
}

// serve runs the service until the context ends.
func serve(ctx context.Context, conf *config.Config, stdout io.Writer, lines *obs.Lines) (err error) {
	log := newLog(conf, lines)
	if err := bootstrap.Ready(conf.Data); err != nil {
		return err
	}
	entrances, err := openEntrances(conf, log)
	if err != nil {
		return err
	}
	m := &module{conf: conf, log: log}
	settings := nodeConfig(conf, m, log)
	settings.AdminSocket, settings.AdminUsers, settings.SameUser, settings.Listeners = conf.Admin.Socket, conf.Admin.Users, &conf.Unseal.SameUser, entrances.listeners
	settings.MetricsAddress, settings.LogRequests, settings.DroppedLines = conf.Metrics.Address, obs.Logged(conf.Log.Requests), lines.Dropped
	n, err := node.Open(ctx, settings)
	defer m.close() // after the node, which is connected to it
	if err != nil {
		entrances.close()
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go certificate.Watch(watching, hangup, entrances.certificates...)
	// Scripts read this line: docs and tests rely on its form.
	fmt.Fprintf(stdout, "trent serve: %s data %s\n", strings.Join(entrances.urls, " "), conf.Data)
	if err := notify("READY=1"); err != nil {
		log.Error("systemd was not told that the service is ready", "error", err)
	}
	context.AfterFunc(ctx, func() {
		if err := notify("STOPPING=1"); err != nil {
			log.Error("systemd was not told that the service ends", "error", err)
		}
	})
	return errors.Join(n.Serve(ctx, entrances.listeners...), n.Close())
}

// entrances are the open listeners of a configuration.
type entrances struct {
	listeners    []node.Listener
	certificates []*certificate.Files
	urls         []string // name=URL of each
}

// openEntrances opens all listeners, or none.
func openEntrances(conf *config.Config, log *slog.Logger) (e *entrances, err error) {
	e = &entrances{}
	for i := range conf.Listeners {
		if err := e.open(&conf.Listeners[i], log); err != nil {
			e.close()
			return nil, fmt.Errorf("listener %s: %w", conf.Listeners[i].Name, err)
		}
	}
	return e, nil
}

func (e *entrances) close() {
	for _, l := range e.listeners {
		l.Socket.Close()
	}
}

func (e *entrances) open(l *config.Listener, log *slog.Logger) error {
	c := edge.Config{Listener: l.Name, HTTP2: l.HTTP2, Connections: new(atomic.Int64)}
	scheme := "http"
	if l.TLS != nil {
		files, err := certificate.Open(l.TLS.Certificate, l.TLS.Key, log)
		if err != nil {
			return err
		}
		e.certificates = append(e.certificates, files)
		c.TLS, scheme = files.Config(), "https"
	}
	if l.Plaintext && l.Remote() {
		log.Warn("a listener beyond this machine is plain HTTP: what is encrypted and decrypted can be read on the network",
			"listener", l.Name, "address", l.Address)
	}
	if l.Socket != "" {
		socket, err := listenUnix(l.Socket, os.FileMode(l.Mode))
		if err != nil {
			return err
		}
		e.listeners = append(e.listeners, node.Listener{Socket: socket, Config: c})
		e.urls = append(e.urls, l.Name+"="+scheme+"+unix:"+l.Socket)
		return nil
	}
	socket, err := net.Listen("tcp", l.Address)
	if err != nil {
		return err
	}
	e.listeners = append(e.listeners, node.Listener{Socket: socket, Config: c})
	e.urls = append(e.urls, l.Name+"="+scheme+"://"+socket.Addr().String())
	return nil
}

// listenUnix listens at path, over a socket that nobody listens on any more and
// over nothing else.
func listenUnix(path string, mode os.FileMode) (net.Listener, error) {
	socket, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		info, statErr := os.Lstat(path)
		if statErr != nil || info.Mode().Type() != os.ModeSocket {
			return nil, err
		}
		probe, dialErr := net.Dial("unix", path)
		if dialErr == nil {
			probe.Close()
			return nil, fmt.Errorf("another process listens: %w", err)
		}
		if !errors.Is(dialErr, syscall.ECONNREFUSED) {
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		socket, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, err
	}
	// Whoever connects before this still has to sign.
	if err := os.Chmod(path, mode); err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}
