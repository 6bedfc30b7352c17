package node_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"trent/internal/edge"
	"trent/internal/node"
)

// serve runs the node's HTTP server until the test ends.
func (f *fixture) serve(t *testing.T, http2 bool) (addr string) {
	t.Helper()
	return f.listen(t, edge.Config{Listener: "test", HTTP2: http2, LocalOnly: true})
}

// listen is serve on a listener of that kind.
func (f *fixture) listen(t *testing.T, c edge.Config) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx, node.Listener{Socket: l, Config: c}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// post sends a signed request over HTTP with the given protocols.
func (c caller) post(t *testing.T, addr, op, body string, protocols func(*http.Protocols)) (*http.Response, []byte, error) {
	t.Helper()
	signed := c.requestTo(addr, op, body, time.Now())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", bytes.NewReader(signed.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range signed.Header {
		r.Header[name] = values
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	protocols(transport.Protocols)
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, b, err
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	one := func(p *http.Protocols) { p.SetHTTP1(true) }
	two := func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }
	for _, test := range []struct {
		name      string
		http2     bool
		protocols func(*http.Protocols)
		major     int // 0: refused
	}{
		{"HTTP/1.1", false, one, 1},
		{"HTTP/1.1 where HTTP/2 is offered", true, one, 1},
		{"HTTP/2 where it is offered", true, two, 2},
		{"HTTP/2 where it is not", false, two, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			addr := f.serve(t, test.http2)
			res, body, err := f.caller("111122223333").post(t, addr, "ListKeys", "{}", test.protocols)
			if test.major == 0 {
				if err == nil {
					t.Errorf("answered with %s", res.Proto)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if res.ProtoMajor != test.major || res.StatusCode != 200 || string(body) != `{"Keys":[],"Truncated":false}` {
				t.Errorf("%s, %d, %s", res.Proto, res.StatusCode, body)
			}
			if res.Header.Get("X-Amzn-RequestId") == "" || res.Header.Get("Date") == "" || res.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
				t.Errorf("headers %v", res.Header)
			}
		})
	}
}
