package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"trent/internal/certificate"
	"trent/internal/config"
	"trent/internal/edge"
	"trent/internal/node"
	"trent/internal/unixsocket"
)

// entrances are the open listeners of a configuration.
type entrances struct {
	listeners    []node.Listener
	certificates []*certificate.Files
	urls         []string // name=URL of each
	endpoints    map[string]*node.Endpoint
}

// openEntrances opens all listeners, or none.
func openEntrances(conf *config.Config, log *slog.Logger) (e *entrances, err error) {
	e = &entrances{endpoints: map[string]*node.Endpoint{}}
	for i := range conf.Listeners {
		if err := e.open(&conf.Listeners[i], conf.Partition, log); err != nil {
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

func (e *entrances) open(l *config.Listener, partition string, log *slog.Logger) error {
	if l.Endpoint != nil {
		policy, err := l.Endpoint.Read(partition)
		if err != nil {
			return fmt.Errorf("endpoint policy: %w", err)
		}
		e.endpoints[l.Name] = &node.Endpoint{Policy: policy, ID: l.Endpoint.VPCE, VPC: l.Endpoint.VPC}
	}
	c := edge.Config{Listener: l.Name, HTTP2: l.HTTP2, Connections: new(atomic.Int64)}
	scheme := "http"
	if l.TLS != nil {
		files, err := certificate.Open(l.TLS.Certificate, l.TLS.Key, time.Now, log)
		if err != nil {
			return err
		}
		e.certificates = append(e.certificates, files)
		c.TLS, scheme = files.Config(), "https"
	}
	if l.Socket != "" {
		socket, err := unixsocket.Listen(l.Socket, os.FileMode(l.Mode))
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
