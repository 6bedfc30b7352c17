package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"trent/internal/api"
	"trent/internal/wire"
)

// fast is fasthttp's server, for HTTP/1.1.
type fast struct {
	config  Config
	handler Handler
	http    *fasthttp.Server
	over    atomic.Bool // nothing starts any more: the time of a shutdown is over
	open    connections
}

func newFast(h Handler, c Config) *fast {
	s := &fast{config: c, handler: h}
	largest := 0 // body that any operation takes
	for _, op := range api.Ops() {
		largest = max(largest, op.MaxBody())
	}
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		StreamRequestBody:            true, // else it takes the memory that a Content-Length asks for
		ErrorHandler:                 s.refuse,
		ContinueHandler:              func(h *fasthttp.RequestHeader) bool { return h.ContentLength() <= largest },
		Concurrency:                  c.maxConnections(),
		ReadTimeout:                  requestTimeout,
		WriteTimeout:                 answerTimeout,
		IdleTimeout:                  idleTimeout,
		ReadBufferSize:               maxHeaderBytes,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		Logger:                       printer{c.Log},
		ConnState: func(c net.Conn, state fasthttp.ConnState) {
			switch state {
			case fasthttp.StateNew:
				s.open.add(c)
				s.config.connected(1)
			case fasthttp.StateClosed, fasthttp.StateHijacked:
				s.open.remove(c)
				s.config.connected(-1)
			}
		},
	}
	return s
}

// printer gives fasthttp's own messages, which name no content, to the log.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, args ...any) { p.log.Debug(fmt.Sprintf(format, args...)) }

func (s *fast) Serve(l net.Listener) error {
	l = newPatient(l, s.config.Log)
	if s.config.TLS != nil {
		c := s.config.TLS.Clone()
		c.NextProtos = []string{"http/1.1"}
		l = tls.NewListener(l, c)
	}
	return s.http.Serve(l)
}

func (s *fast) Shutdown(ctx context.Context) error {
	if err := s.http.ShutdownWithContext(ctx); err != nil { // fasthttp leaves open what has not ended, and goes on serving it
		s.over.Store(true)
		return fmt.Errorf("%d connections closed: %w", s.open.close(), err)
	}
	return nil
}

// end refuses a request because the server has ended.
func (s *fast) end(c *fasthttp.RequestCtx) {
	status, body := refusal()
	c.SetConnectionClose()
	c.SetStatusCode(status)
	c.SetContentType(wire.ContentType)
	c.SetBody(body)
}

// handle answers one request.
func (s *fast) handle(c *fasthttp.RequestCtx) {
	defer s.guard(c)
	if s.over.Load() {
		s.end(c)
		return
	}
	in := s.request(c)
	defer in.headers.release()
	b := pool.Get().(*buffers)
	defer b.release()
	limit := in.Aim()
	refused := s.config.admits(in.Host, in.Header)
	if err := understood(&c.Request.Header, in.headers); err != nil {
		refused = readError(err)
	}
	if body := c.RequestBodyStream(); body != nil {
		var err error
		if b.body, err = readBody(b.body, body, int64(c.Request.Header.ContentLength()), limit); err != nil {
			refused = err
		}
	}
	in.Body = b.body
	if refused != nil && s.over.Load() { // it was cut off
		s.end(c)
		return
	}
	if refused != nil {
		in.Err = refused
	} else if in.Path != kmsPath {
		if answer, ok := s.config.aside(context.Background(), &in.Request); ok {
			c.SetStatusCode(answer.Status)
			c.SetContentType(answer.ContentType)
			c.SetBody(answer.Body)
			return
		}
	}
	s.answer(c, in, b)
}

// understood refuses what fasthttp takes and others would read otherwise.
func understood(h *fasthttp.RequestHeader, t *headers) error {
	if p := string(h.Protocol()); p != "HTTP/1.1" && p != "HTTP/1.0" {
		return errors.New("protocol " + p)
	}
	if t.tooMany {
		return errors.New("too many headers")
	}
	for _, encoding := range t.values["Transfer-Encoding"] {
		if encoding != "chunked" {
			return errors.New("transfer encoding " + encoding)
		}
	}
	return nil
}

// refuse answers a request whose headers or first bytes could not be read.
func (s *fast) refuse(c *fasthttp.RequestCtx, err error) {
	defer s.guard(c)
	if s.over.Load() {
		s.end(c)
		return
	}
	c.SetConnectionClose()
	in := s.request(c)
	defer in.headers.release()
	b := pool.Get().(*buffers)
	defer b.release()
	in.Aim()
	in.Err = readError(err)
	s.answer(c, in, b)
	if small := (&fasthttp.ErrSmallBuffer{}); errors.As(err, &small) {
		c.SetStatusCode(fasthttp.StatusRequestHeaderFieldsTooLarge)
	}
}

// guard keeps a panic to the request that it happened in: fasthttp would end
// the process. The pipeline guards itself; this is for what is around it.
func (s *fast) guard(c *fasthttp.RequestCtx) {
	if v := recover(); v != nil {
		s.config.Log.Error("panic outside the pipeline", "type", fmt.Sprintf("%T", v))
		c.Response.Reset()
		c.SetStatusCode(fasthttp.StatusInternalServerError)
		c.SetConnectionClose()
	}
}

// request takes over what the headers say. The caller releases the headers.
func (s *fast) request(c *fasthttp.RequestCtx) *request {
	h := &c.Request.Header
	r := &request{headers: takeHeaders(h)}
	path, query, _ := strings.Cut(string(h.RequestURI()), "?") // as the request line has them
	host := string(h.Host())
	r.Request = wire.Request{
		Method: string(h.Method()), Path: path, RawQuery: query, Host: host, Header: r.headers.values,
		Listener: s.config.Listener, TLS: tlsDetails(c.TLSConnectionState(), host), Received: s.config.Now(),
	}
	if addr, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		r.Remote = addr.AddrPort().Addr().Unmap()
	}
	return r
}

// request is a wire.Request and the pooled memory of its headers.
type request struct {
	wire.Request
	headers *headers
}

func (s *fast) answer(c *fasthttp.RequestCtx, in *request, b *buffers) {
	answer := s.handler.Serve(context.Background(), &in.Request, b.answer[:0])
	b.answer = answer.Body
	c.SetStatusCode(answer.Status)
	h := &c.Response.Header
	h.SetContentType(answer.ContentType)
	h.Set("X-Amzn-Requestid", answer.RequestID)
	if answer.Close {
		c.SetConnectionClose()
	}
	if len(answer.Body) <= answerBytes {
		c.SetBody(answer.Body)
		return
	}
	// A page of a list. fasthttp would keep a copy's memory with the connection,
	// and many connections would hold much; this memory goes with the answer.
	c.Response.SetBodyRaw(answer.Body)
	b.answer = nil
}

// headers is a request's header as the wire wants it. Its memory is used again
// for other requests, its strings are not.
type headers struct {
	values map[string][]string
	single [32]string // backs the values of names that stand once
	n      int

	line  [maxHeaderLines]headerLine
	lines int
	text  []byte // of the values, one after the other

	// tooMany says that there are more lines than maxHeaderLines.
	tooMany bool
}

type headerLine struct {
	name string
	end  int // of the value in text
}

// maxHeaderLines is several times what any client of AWS sends.
const maxHeaderLines = 128

var headerPool = sync.Pool{New: func() any { return &headers{values: make(map[string][]string, 32)} }}

func takeHeaders(h *fasthttp.RequestHeader) *headers {
	t := headerPool.Get().(*headers)
	for name, value := range h.All() {
		if t.lines == maxHeaderLines {
			t.tooMany = true
			break
		}
		t.text = append(t.text, value...)
		t.line[t.lines] = headerLine{intern(name), len(t.text)}
		t.lines++
	}
	// One string for all values: they live as long as each other.
	text, start := string(t.text), 0
	for _, line := range t.line[:t.lines] {
		t.add(line.name, text[start:line.end])
		start = line.end
	}
	return t
}

func (t *headers) add(name, value string) {
	if have, ok := t.values[name]; ok {
		t.values[name] = append(have, value) // have is full, or a list of its own
		return
	}
	if t.n == len(t.single) {
		t.values[name] = []string{value}
		return
	}
	t.single[t.n] = value
	t.values[name] = t.single[t.n : t.n+1 : t.n+1]
	t.n++
}

// intern is string(name), without an allocation for what AWS's clients send.
func intern(name []byte) string {
	switch string(name) {
	case "Host":
		return "Host"
	case "Accept":
		return "Accept"
	case "Accept-Encoding":
		return "Accept-Encoding"
	case "Amz-Sdk-Invocation-Id":
		return "Amz-Sdk-Invocation-Id"
	case "Amz-Sdk-Request":
		return "Amz-Sdk-Request"
	case "Authorization":
		return "Authorization"
	case "Connection":
		return "Connection"
	case "Content-Length":
		return "Content-Length"
	case "Content-Type":
		return "Content-Type"
	case "User-Agent":
		return "User-Agent"
	case "X-Amz-Content-Sha256":
		return "X-Amz-Content-Sha256"
	case "X-Amz-Date":
		return "X-Amz-Date"
	case "X-Amz-Target":
		return "X-Amz-Target"
	case "X-Amz-User-Agent":
		return "X-Amz-User-Agent"
	}
	return string(name)
}

func (t *headers) release() {
	clear(t.values)
	clear(t.single[:t.n])
	clear(t.line[:t.lines])
	clear(t.text)
	t.n, t.lines, t.text, t.tooMany = 0, 0, t.text[:0], false
	headerPool.Put(t)
}
