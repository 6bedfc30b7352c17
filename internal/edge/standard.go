package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"

	"golang.org/x/net/netutil"

	"trent/internal/wire"
)

// standard is net/http's server.
type standard struct {
	config  Config
	handler Handler
	http    *http.Server
	over    atomic.Bool // nothing starts any more: the time of a shutdown is over
}

func newStandard(h Handler, c Config) *standard {
	s := &standard{config: c, handler: h}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig:         c.TLS,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.config.connected(1)
			case http.StateClosed, http.StateHijacked:
				s.config.connected(-1)
			}
		},
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(c.TLS != nil)
	s.http.Protocols.SetUnencryptedHTTP2(c.TLS == nil)
	return s
}

func (s *standard) Serve(l net.Listener) error {
	l = netutil.LimitListener(newPatient(l, s.config.Log), s.config.maxConnections())
	var err error
	if s.config.TLS != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *standard) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		s.over.Store(true)
		return errors.Join(fmt.Errorf("what was open is closed: %w", err), s.http.Close())
	}
	return nil
}

// end refuses a request because the server has ended.
func (s *standard) end(w http.ResponseWriter) {
	status, body := refusal()
	w.Header()["Connection"] = []string{"close"}
	s.write(w, AsideAnswer{Status: status, ContentType: wire.ContentType, Body: body})
}

// ServeHTTP answers one request.
func (s *standard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.over.Load() {
		s.end(w)
		return
	}
	b := pool.Get().(*buffers)
	defer b.release()
	in := &b.in
	*in = wire.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Host: r.Host, Header: r.Header,
		Remote: remote(r.RemoteAddr), Listener: s.config.Listener, TLS: tlsDetails(r.TLS, r.Host), Received: s.config.Now(),
	}
	limit := in.Aim()
	refused := s.config.admits(r.Host, r.Header)
	var readErr error
	b.body, readErr = readBody(b.body, r.Body, r.ContentLength, limit)
	if readErr != nil {
		refused = readErr
	}
	in.Body = b.body
	if refused != nil && s.over.Load() { // it was cut off
		s.end(w)
		return
	}
	if refused != nil {
		in.Err = refused
	} else if in.Path != kmsPath {
		if answer, ok := s.config.aside(r.Context(), in); ok {
			s.write(w, answer)
			return
		}
	}
	answer := s.handler.Serve(r.Context(), in, b.answer[:0])
	b.answer = answer.Body
	h := w.Header()
	h["Content-Type"] = []string{answer.ContentType}
	h["X-Amzn-Requestid"] = []string{answer.RequestID}
	if answer.Close {
		h["Connection"] = []string{"close"}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	w.WriteHeader(answer.Status)
	if _, err := w.Write(answer.Body); err != nil {
		s.config.Log.Debug("answer not delivered", "request_id", answer.RequestID, "error", err)
	}
}

// write sends an Aside's answer.
func (s *standard) write(w http.ResponseWriter, a AsideAnswer) {
	h := w.Header()
	h["Content-Type"] = []string{a.ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	w.WriteHeader(a.Status)
	if _, err := w.Write(a.Body); err != nil {
		s.config.Log.Debug("answer not delivered", "error", err)
	}
}

func remote(addr string) netip.Addr {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return netip.Addr{} // a Unix socket
	}
	return ap.Addr().Unmap()
}
