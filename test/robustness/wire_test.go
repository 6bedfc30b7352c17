package robustness

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

// onBothEngines runs a test of the wire against a listener that speaks
// HTTP/1.1 only and one that offers HTTP/2 too: they are served by different
// HTTP servers, and a client of HTTP/1.1 must not notice.
func onBothEngines(t *testing.T, test func(t *testing.T, s *harness.Server)) {
	t.Parallel()
	for name, flags := range map[string][]string{"HTTP1": nil, "HTTP2": {"--http2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, harness.Start(t, flags...))
		})
	}
}

// TestNoOperation: requests that name no operation get UnknownOperationException.
func TestNoOperation(t *testing.T) { onBothEngines(t, testNoOperation) }

func testNoOperation(t *testing.T, s *harness.Server) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, change := range map[string]func(*http.Request){
		"unknown target":            header("X-Amz-Target", "TrentService.NoSuchOperation"),
		"target of another service": header("X-Amz-Target", "DynamoDB_20120810.ListTables"),
		"target without prefix":     header("X-Amz-Target", "ListKeys"),
		"target in lower case":      header("X-Amz-Target", "trentservice.ListKeys"),
		"empty target":              header("X-Amz-Target", ""),
		"no target":                 func(r *http.Request) { r.Header.Del("X-Amz-Target") },
		"two targets":               func(r *http.Request) { r.Header.Add("X-Amz-Target", "TrentService.ListKeys") },
		"content type of the web":   header("Content-Type", "application/x-www-form-urlencoded"),
		"content type JSON":         header("Content-Type", "application/json"),
		"content type JSON 1.0":     header("Content-Type", "application/x-amz-json-1.0"),
		"no content type":           func(r *http.Request) { r.Header.Del("Content-Type") },
		"GET":                       func(r *http.Request) { r.Method = http.MethodGet },
		"PUT":                       func(r *http.Request) { r.Method = http.MethodPut },
		"another path":              func(r *http.Request) { r.URL.Path = "/keys" },
	} {
		t.Run(name, func(t *testing.T) {
			res := s.Do(t, harness.Request{Operation: "ListKeys", Before: change})
			if res.Status != http.StatusBadRequest || res.Type != "UnknownOperationException" {
				t.Errorf("got %d %s", res.Status, res.Body)
			}
			if res.Header.Get("X-Amzn-Requestid") == "" {
				t.Errorf("the answer has no request id")
			}
		})
	}
	s.Must(t, "ListKeys", object{})
}

// conn is a connection on which a test writes HTTP by hand.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, s *harness.Server) *conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &conn{c, bufio.NewReader(c)}
}

func (c *conn) response(t *testing.T) *harness.Response {
	t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return harness.ReadResponse(t, res)
}

// closed waits until the server has closed the connection.
func (c *conn) closed(t *testing.T) {
	t.Helper()
	_, err := io.Copy(io.Discard, c.r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the server keeps the connection open")
	}
}

// wire is a correct request as bytes, head and body apart.
func wire(t *testing.T, s *harness.Server, operation, body string) (head, rest []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := s.HTTPRequest(t, harness.Request{Operation: operation, Body: body}).Write(&b); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b.Bytes(), []byte("\r\n\r\n")) + 4
	return b.Bytes()[:at], b.Bytes()[at:]
}

// TestBodies: bodies that are too long or too short, by their length or as
// they come.
func TestBodies(t *testing.T) { onBothEngines(t, testBodies) }

func testBodies(t *testing.T, s *harness.Server) {
	key, _ := s.CreateKey(t, harness.Default)
	const tenMegabytes = 10 << 20
	big := harness.Marshal(object{"KeyId": key, "Plaintext": strings.Repeat("A", tenMegabytes)})

	t.Run("10 MB", func(t *testing.T) {
		c := dial(t, s)
		head, body := wire(t, s, "Encrypt", big)
		c.Write(head)
		go c.Write(body) // the server need not read it all
		if res := c.response(t); res.Status != http.StatusRequestEntityTooLarge || res.Type != "RequestEntityTooLargeException" {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
		c.closed(t)
	})
	t.Run("10 MB in chunks", func(t *testing.T) {
		c := dial(t, s)
		head, body := wire(t, s, "Encrypt", big)
		head = bytes.Replace(head, fmt.Appendf(nil, "Content-Length: %d", len(body)), []byte("Transfer-Encoding: chunked"), 1)
		c.Write(head)
		go fmt.Fprintf(c, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		if res := c.response(t); res.Status != http.StatusRequestEntityTooLarge || res.Type != "RequestEntityTooLargeException" {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
		c.closed(t)
	})
	t.Run("10 MB to no operation", func(t *testing.T) {
		c := dial(t, s)
		head, body := wire(t, s, "NoSuchOperation", big)
		c.Write(head)
		go c.Write(body)
		if res := c.response(t); res.Status < 400 || res.Status > 499 {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
		c.closed(t)
	})
	t.Run("shorter than its length", func(t *testing.T) {
		before := s.Do(t, harness.Request{Operation: "ListKeys"})
		c := dial(t, s)
		head, body := wire(t, s, "CreateKey", `{"Description":"never"}`)
		c.Write(head)
		c.Write(body[:len(body)-2])
		c.Conn.(*net.TCPConn).CloseWrite()
		if res := c.response(t); res.Status != http.StatusBadRequest || res.Type != "SerializationException" {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
		c.closed(t)
		if after := s.Do(t, harness.Request{Operation: "ListKeys"}); !bytes.Equal(before.Body, after.Body) {
			t.Errorf("a key was created: %s", after.Body)
		}
	})
	t.Run("longer than its length", func(t *testing.T) {
		c := dial(t, s)
		head, body := wire(t, s, "GenerateRandom", `{"NumberOfBytes":4}`)
		c.Write(append(append(head, body...), `garbage that is no request`+"\r\n\r\n"...))
		if res := c.response(t); res.Status != http.StatusOK {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
		c.closed(t) // what follows is no HTTP; net/http says so and closes
	})
	t.Run("two lengths", func(t *testing.T) {
		c := dial(t, s)
		head, body := wire(t, s, "GenerateRandom", `{"NumberOfBytes":4}`)
		head = bytes.Replace(head, []byte("Content-Length: 19\r\n"), []byte("Content-Length: 19\r\nContent-Length: 3\r\n"), 1)
		c.Write(append(head, body...))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != http.StatusBadRequest {
			t.Errorf("got %v, %v", res, err)
		}
	})
	t.Run("a header of 1 MB", func(t *testing.T) {
		c := dial(t, s)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nX-Big: ")
		go c.Write(bytes.Repeat([]byte("b"), 1<<20))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %v, %v", res, err)
		}
	})
	s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": "AA=="})
}

// TestSlowClients: who does not send is cut off, and holds up nobody.
func TestSlowClients(t *testing.T) { onBothEngines(t, testSlowClients) }

func testSlowClients(t *testing.T, s *harness.Server) {
	head, body := wire(t, s, "GenerateRandom", `{"NumberOfBytes":4}`)
	for name, sent := range map[string][]byte{
		"nothing of the head": nil,
		"half of the head":    head[:len(head)/2],
		"half of the body":    append(bytes.Clone(head), body[:len(body)/2]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var slow []*conn
			for range 50 {
				c := dial(t, s)
				c.Write(sent)
				slow = append(slow, c)
			}
			s.Must(t, "GenerateRandom", object{"NumberOfBytes": 4})
			for _, c := range slow {
				c.closed(t)
			}
		})
	}
}
