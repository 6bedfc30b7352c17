package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"trent/internal/authz"
	"trent/internal/edge"
)

// shutdownTimeout is how long running requests may take to end. With what comes
// after, it is less than the ten seconds after which containers are killed: a
// client who sends nothing can make every stop take that long.
const shutdownTimeout = 5 * time.Second

// A Listener is one way in: a socket, and how it is served. The node sets the
// clock and the log of its Config.
type Listener struct {
	Socket net.Listener
	Config edge.Config
}

// Endpoint is what a listener has that stands for a VPC endpoint.
type Endpoint = authz.Endpoint

// Serve answers requests on all listeners until the context ends; see Serve.
func (n *Node) Serve(ctx context.Context, listeners ...Listener) error {
	for i := range listeners {
		asides := &listeners[i].Config.Asides
		*asides = append(*asides, n.HealthAside)
	}
	return Serve(ctx, Served{Handler: n.Pipeline, Gone: n.ended, Ending: n.Health.End, Now: n.Now, Log: n.Log}, listeners...)
}

// HealthAside answers /healthz and /readyz, for load balancers.
func (n *Node) HealthAside(_ context.Context, r *edge.AsideRequest) (edge.AsideAnswer, bool) {
	if r.Method != "GET" && r.Method != "HEAD" {
		return edge.AsideAnswer{}, false
	}
	status, body, ok := n.Health.Answer(r.Path)
	return edge.AsideAnswer{Status: status, ContentType: "application/json", Body: body}, ok
}

// Gone tells, once, why the crypto module does not run any more, for good.
func (n *Node) Gone() <-chan error { return n.ended }

// Served is what listeners serve: a node, or the nodes that follow each other
// under trent dev.
type Served struct {
	Handler edge.Handler
	Gone    <-chan error // as Node.Gone
	Ending  func()       // is called before listeners close
	Now     func() time.Time
	Log     *slog.Logger
}

// Serve answers requests on all listeners until the context ends, and then
// lets the running ones end. If one listener fails, or the crypto module is
// gone for good, it ends them all: whoever watches this process must know.
//
// The listeners share the descriptors that this process may have, unless their
// Config says otherwise; too few of them are an error.
func Serve(ctx context.Context, s Served, listeners ...Listener) error {
	if err := s.share(listeners); err != nil {
		s.Ending()
		for _, l := range listeners {
			l.Socket.Close()
		}
		return err
	}
	servers := make([]edge.Server, len(listeners))
	served := make(chan error, len(listeners))
	for i, l := range listeners {
		l.Config.Now, l.Config.Log = s.Now, s.Log
		servers[i] = edge.New(s.Handler, l.Config)
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
	case err := <-s.Gone:
		errs = append(errs, err)
		s.Log.Error("the service is gone for good", "error", err)
	case <-ctx.Done():
	}
	s.Ending()
	s.shutdown(context.WithoutCancel(ctx), servers)
	for _, l := range listeners {
		l.Socket.Close() // of a server that had not begun to accept
	}
	for range running {
		errs = append(errs, <-served)
	}
	return errors.Join(errs...)
}

// share says how many connections each listener may hold.
func (s *Served) share(listeners []Listener) error {
	each, err := edge.Share(len(listeners))
	if err != nil {
		return err
	}
	for i := range listeners {
		if c := &listeners[i].Config; c.MaxConnections == 0 {
			c.MaxConnections = each
		}
	}
	s.Log.Info("listening", "connections_per_listener", each)
	return nil
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
func (s *Served) shutdown(ctx context.Context, servers []edge.Server) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() { ended <- server.Shutdown(ctx) }()
	}
	for range servers {
		if err := <-ended; err != nil {
			s.Log.Warn("connections did not end in time and were cut off", "error", err)
		}
	}
}
