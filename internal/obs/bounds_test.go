package obs

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
)

// pipes is a listener whose connections are pipes, for a test with a clock of
// its own.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// dial connects, and begins with text.
func (p *pipes) dial(text string) net.Conn {
	near, far := net.Pipe()
	go func() {
		select {
		case p.conns <- far:
			io.WriteString(near, text)
		case <-p.closed:
			near.Close()
		}
	}()
	return near
}

// TestNobodyKeepsScrapesOut: connections that ask nothing, and as many as the
// listener takes, keep a scrape waiting no longer than a request may take; those
// that were answered, not at all.
func TestNobodyKeepsScrapesOut(t *testing.T) {
	t.Parallel()
	const get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, begin := range map[string]string{"silent": "", "begun": "GET /healthz", "answered": get} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				go func() { served <- Serve(ctx, l, NewMetrics("test"), new(Health), slog.New(slog.DiscardHandler)) }()
				for range maxConnections {
					c := l.dial(begin)
					go io.Copy(io.Discard, c)
					defer c.Close()
				}
				synctest.Wait()
				late := l.dial(get)
				defer late.Close()
				answered := make(chan error, 1)
				go func() {
					_, err := late.Read(make([]byte, 4096))
					answered <- err
				}()
				synctest.Wait()
				if at := len(answered); (at == 1) != (begin == get) {
					t.Errorf("beside %d connections, answered at once: %d", maxConnections, at)
				}
				scrape, end := context.WithTimeout(ctx, 2*requestTimeout) // what Prometheus waits by default
				defer end()
				select {
				case err := <-answered:
					if err != nil {
						t.Error(err)
					}
				case <-scrape.Done():
					t.Error("the scrape is kept out")
				}
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
