package edge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/front"
	"trent/internal/wire"
)

// started counts the requests that get as far as a handler.
type started struct{ atomic.Int64 }

func (s *started) Serve(_ context.Context, _ *wire.Request, dst []byte) front.Answer {
	s.Add(1)
	return front.Answer{Status: http.StatusOK, RequestID: "1", Body: append(dst, "{}"...)}
}

// ended is a server with one connection, on which half a request's headers were
// sent.
type ended struct {
	Server
	started started
	address string
	conn    net.Conn
	served  chan error
}

func newEnded(t *testing.T, http2 bool) *ended {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &ended{address: l.Addr().String(), served: make(chan error, 1)}
	open := new(atomic.Int64)
	e.Server = New(&e.started, Config{HTTP2: http2, Connections: open, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	go func() { e.served <- e.Serve(l) }()
	if e.conn, err = net.Dial("tcp", e.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.conn.Close() })
	if _, err := io.WriteString(e.conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Le"); err != nil {
		t.Fatal(err)
	}
	for open.Load() == 0 { // until it is accepted
		runtime.Gosched()
	}
	if err := e.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEndedServer: what the end of a shutdown finds between two steps is refused,
// and does not get as far as a handler.
func TestEndedServer(t *testing.T) {
	t.Parallel()
	e := newEnded(t, false)
	e.Server.(*fast).over.Store(true)
	if _, err := io.WriteString(e.conn, "ngth: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e.conn)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 503 ") || !strings.HasSuffix(string(b), "}") || !strings.Contains(string(b), `"ServiceUnavailableException"`) {
		t.Errorf("%q, %v", b, err)
	}
	if err := errors.Join(e.Shutdown(t.Context()), <-e.served); err != nil || e.started.Load() != 0 {
		t.Errorf("%v; %d requests have started", err, e.started.Load())
	}
}

// TestShutdownCutsOff: what has not ended in time is closed, and not served when
// it goes on.
func TestShutdownCutsOff(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"fasthttp": false, "net/http": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnded(t, http2)
			over, cancel := context.WithCancel(t.Context())
			cancel()
			if err := e.Shutdown(over); !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown returns %v", err)
			}
			_, _ = io.WriteString(e.conn, "ngth: 2\r\n\r\n{}") // to one that is closed
			if b, err := io.ReadAll(e.conn); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(b), "200 OK") {
				t.Errorf("the connection is open: %q, %v", b, err)
			}
			if err := <-e.served; err != nil || e.started.Load() != 0 {
				t.Errorf("%v; %d requests have started", err, e.started.Load())
			}
		})
	}
}
