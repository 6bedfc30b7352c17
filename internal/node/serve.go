package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"trent/internal/edge"
)

// shutdownTimeout is how long running requests may take to end.
const shutdownTimeout = 10 * time.Second

// A Listener is one way in: a socket, and how it is served. The node sets the
// clock and the log of its Config.
type Listener struct {
	Socket net.Listener
	Config edge.Config
}

// Serve answers requests on all listeners until the context ends, and then
// lets the running ones end. If one listener fails, or the crypto module is
// gone for good, it ends them all: whoever watches this process must know.
func (n *Node) Serve(ctx context.Context, listeners ...Listener) error {
	servers := make([]edge.Server, len(listeners))
	served := make(chan error, len(listeners))
	for i, l := range listeners {
		l.Config.Now, l.Config.Log = n.Now, n.Log
		servers[i] = edge.New(n.Pipeline, l.Config)
		go func() {
			served <- serve(servers[i], l)
		}()
	}
	running := len(listeners)
	var errs []error
	select {
	case err := <-served:
		running--
		errs = append(errs, err)
	case err := <-n.ended:
		errs = append(errs, fmt.Errorf("crypto module: %w", err))
		n.Log.Error("the crypto module is gone for good", "error", err)
	case <-ctx.Done():
	}
	n.shutdown(context.WithoutCancel(ctx), servers)
	for _, l := range listeners {
		l.Socket.Close() // of a server that had not begun to accept
	}
	for range running {
		errs = append(errs, <-served)
	}
	return errors.Join(errs...)
}

// serve serves one listener until its server is shut down, which is no error.
func serve(s edge.Server, l Listener) error {
	if err := s.Serve(l.Socket); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("listener %s: %w", l.Config.Listener, err)
	}
	return nil
}

// shutdown closes every listener at once and waits until running requests have
// ended, or the time for that.
func (n *Node) shutdown(ctx context.Context, servers []edge.Server) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.Shutdown(ctx) }()
	}
	for range servers {
		if err := <-ended; err != nil {
			n.Log.Warn("requests were cut off", "error", err)
		}
	}
}
