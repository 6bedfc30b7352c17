package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"trent/internal/certificate"
	"trent/internal/config"
	"trent/internal/edge"
	"trent/internal/node"
)

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
