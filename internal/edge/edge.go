// Package edge owns the HTTP servers: their limits and time-outs, and the way
// from an HTTP request to a wire.Request and back. HTTP/1.1 is fasthttp's,
// which costs half of net/http's CPU; a listener that offers HTTP/2 as well is
// net/http's. Nothing else may know either server. It must never look into a
// body. Only wiring imports it.
package edge

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/front"
	"trent/internal/wire"
)

// Limits of a connection. A client that is slower is cut off.
const (
	requestTimeout = 20 * time.Second // headers and body: one deadline, so that the server sets it once
	answerTimeout  = 60 * time.Second // from the end of the headers to the answer's end
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 16 << 10 // a connection holds that much
	// keepBuffer is the largest buffer that is kept for another request.
	keepBuffer = 64 << 10
)

// Config describes one listener.
type Config struct {
	// Listener is its id in audit records and policies.
	Listener string
	// HTTP2 offers HTTP/2 as well, at three times the CPU of HTTP/1.1 alone.
	HTTP2 bool
	// LocalOnly refuses what a browser could be made to send: requests with an
	// Origin, and those for a host that is not this machine (a name that was
	// made to point here). It is for trent dev, whose credentials are known.
	LocalOnly bool
	// Asides are asked, in this order, about requests for other paths than the
	// KMS API's.
	Asides []Aside
	// MaxConnections is how many connections are held at once; 0 means 16,384.
	MaxConnections int
	// Connections, if not nil, is kept at the number of open connections.
	Connections *atomic.Int64
	// TLS, if set, serves HTTPS.
	TLS *tls.Config
	Now func() time.Time
	Log *slog.Logger
}

// admits refuses a request that a LocalOnly listener must not serve.
func (c *Config) admits(host string, header map[string][]string) error {
	if !c.LocalOnly {
		return nil
	}
	if len(header["Origin"]) > 0 || !IsLocal(host) {
		return apierr.New(apierr.MalformedHTTPRequest,
			"trent dev serves this machine's programs: use a loopback address or localhost, no browser, or start it with --allow-remote.")
	}
	return nil
}

// IsLocal reports whether a Host header names this machine.
func IsLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && addr.IsLoopback()
}

func (c *Config) maxConnections() int { return cmp.Or(c.MaxConnections, maxConnections) }

// connected counts a connection that came (1) or went (-1).
func (c *Config) connected(delta int64) {
	if c.Connections != nil {
		c.Connections.Add(delta)
	}
}

// Server serves one listener.
type Server interface {
	// Serve accepts connections until Shutdown, which makes it return nil.
	Serve(l net.Listener) error
	// Shutdown accepts no connections any more and lets requests that have begun
	// end, until ctx does. Nothing starts once it has returned: with an error, it
	// has closed the connections that were left.
	Shutdown(ctx context.Context) error
}

// Handler answers KMS requests, appending the answer's body to dst: a pipeline,
// or what stands before it.
type Handler interface {
	Serve(ctx context.Context, r *wire.Request, dst []byte) front.Answer
}

// New returns a server for one listener.
func New(h Handler, c Config) Server {
	if c.HTTP2 {
		return newStandard(h, c)
	}
	return newFast(h, c)
}

func tooLarge(limit int) error {
	return apierr.New(apierr.RequestEntityTooLarge, "The request body must not be longer than %d bytes.", limit)
}

// readError is the answer to a request that could not be read to its end.
func readError(err error) error {
	var e net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &e) && e.Timeout():
		return &apierr.Error{Code: apierr.RequestTimeout, Message: "The request was not received in time.", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &apierr.Error{Code: apierr.Serialization, Message: "The request body ended early.", Err: err}
	default:
		return &apierr.Error{Code: apierr.MalformedHTTPRequest, Message: "The request is not HTTP as this server understands it.", Err: err}
	}
}

func tlsDetails(s *tls.ConnectionState, host string) *audit.TLSDetails {
	if s == nil {
		return nil
	}
	return &audit.TLSDetails{
		Version: tls.VersionName(s.Version), CipherSuite: tls.CipherSuiteName(s.CipherSuite),
		ClientProvidedHostHeader: host, KeyExchange: s.CurveID.String(),
	}
}
