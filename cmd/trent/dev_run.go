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
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"trent/internal/certificate"
	"trent/internal/edge"
	"trent/internal/hsm/client"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
	"trent/internal/obs"
	"trent/internal/twin"
	"trent/internal/twin/certs"
	"trent/internal/twin/seed"
)

// run serves until the context ends.
func (f *devFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	signal.Ignore(syscall.SIGPIPE) // a log whose reader is gone ends no server
	lines := obs.NewLines(stderr, func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: f.level})
	})
	defer lines.Close()
	log := lines.Logger()
	if f.allowRemote && !loopback(f.listen) {
		log.Warn("trent dev accepts well-known credentials from other machines", "listen", f.listen)
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	entrance := node.Listener{Socket: listener, Config: edge.Config{Listener: "dev", HTTP2: f.http2, LocalOnly: !f.allowRemote, Connections: new(atomic.Int64)}}
	scheme, authority := "http", ""
	if f.tls {
		scheme = "https"
		if authority, err = f.certify(&entrance.Config, log); err != nil {
			listener.Close()
			return err
		}
	}
	settings := f.twin(entrance, log)
	if f.seed != "" {
		if settings.Seed, err = seed.Read(f.seed); err != nil {
			listener.Close()
			return err
		}
	}
	settings.Node.MetricsAddress, settings.Node.LogRequests, settings.Node.DroppedLines = f.metrics, f.logged, lines.Dropped
	t, err := twin.Open(ctx, settings)
	if err != nil {
		listener.Close()
		return err
	}
	// Scripts read this line: docs and tests rely on its form.
	fmt.Fprintf(stdout, "trent dev: %s://%s data %s\n", scheme, listener.Addr(), f.data)
	if f.tls {
		fmt.Fprintf(stdout, "trent dev: AWS_CA_BUNDLE=%s\n", authority)
	}
	err = t.Listen(ctx, entrance)
	if closeErr := t.Close(); err == nil {
		err = closeErr
	}
	return err
}

// certify makes a listener one for HTTPS, and returns the file of who signed its
// certificate.
func (f *devFlags) certify(c *edge.Config, log *slog.Logger) (authority string, err error) {
	files, err := certs.Ensure(filepath.Join(f.data, "tls"), f.tlsNames, time.Now())
	if err != nil {
		return "", err
	}
	pair, err := certificate.Open(files.Certificate, files.Key, time.Now, log)
	if err != nil {
		return "", err
	}
	c.TLS = pair.Config()
	return files.Authority, nil
}

// twin is the service that the flags describe.
func (f *devFlags) twin(entrance node.Listener, log *slog.Logger) twin.Config {
	c := twin.Config{Node: node.Config{
		Data: f.data, Dev: true, Audit: f.mode, RotateEvery: f.rotation, Log: log,
		AdminSocket: f.adminSocket, SameUser: f.sameUser(), Listeners: []node.Listener{entrance},
	}}
	if f.hsm != "" {
		c.Node.Module = func(bool) (client.Source, error) { return supervisor.NewSocket(f.hsm, log), nil }
		return c
	}
	m := &devModule{program: f.hsmBinary, keyFile: devKeyFile(f.data), log: log}
	c.Node.Module, c.Module = m.source, m
	return c
}

// devKeyFile is the crypto module's key file in a data folder of trent dev.
func devKeyFile(data string) string { return filepath.Join(data, "module", "key") }

// devModule is a crypto module that is a child, with its key file in the data
// folder. After Close its source makes another.
type devModule struct {
	program string // "": trent-hsm beside trent
	keyFile string
	log     *slog.Logger
	child   *supervisor.Child
}

func (m *devModule) source(fresh bool) (client.Source, error) {
	program := m.program
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
	m.child = supervisor.NewChild(program, []string{"--key-file", m.keyFile, "--dev"}, m.log)
	if fresh {
		if err := makeFolder(filepath.Dir(m.keyFile), syncFolder); err != nil {
			return nil, err
		}
		m.child.First("--create-key-file")
	}
	return m.child, nil
}

// Kill ends the module as a crash does.
func (m *devModule) Kill() error { return m.child.Kill() }

// Close ends the module of a node that has been closed.
func (m *devModule) Close() {
	if m.child != nil {
		m.child.Close()
		m.child = nil
	}
}

// sameUser says that a child could not keep its key file from the service;
// whose a module on a socket is nobody has told.
func (f *devFlags) sameUser() *bool {
	if f.hsm != "" {
		return nil
	}
	same := true
	return &same
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
