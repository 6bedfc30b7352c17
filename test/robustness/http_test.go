package robustness

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"trent/test/harness"
)

// TestMalformedHTTP: what is not HTTP, or could be read in two ways, is refused
// or ends the connection, and nothing else happens.
func TestMalformedHTTP(t *testing.T) { onBothEngines(t, testMalformedHTTP) }

func testMalformedHTTP(t *testing.T, s *harness.Server) {
	const target = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.ListKeys\r\n"
	const post, length = "POST / HTTP/1.1\r\nHost: a\r\n", "Content-Length: 2\r\n\r\n{}"
	for name, request := range map[string]string{
		"two hosts":                  post + "Host: b\r\n" + target + length,
		"no host":                    "POST / HTTP/1.1\r\n" + target + length,
		"an absolute URI":            "POST http://b/ HTTP/1.1\r\nHost: a\r\n" + target + length,
		"two lengths":                post + target + "Content-Length: 3\r\n" + length,
		"a negative length":          post + target + "Content-Length: -2\r\n\r\n{}",
		"a length and chunks":        post + target + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"the encoding identity":      post + target + "Transfer-Encoding: identity\r\n\r\n",
		"4,000 headers":              post + target + strings.Repeat("a:\r\n", 4000) + length,
		"an unknown encoding":        post + target + "Transfer-Encoding: gzip\r\n\r\n{}",
		"a space before the colon":   post + "X-Amz-Target : TrentService.ListKeys\r\n" + target + length,
		"a control character":        post + "X-Amz-Target: TrentService.\x01\r\n" + target + length,
		"a header of 100 kB":         post + target + "X-Long: " + strings.Repeat("a", 100_000) + "\r\n" + length,
		"a header without a name":    post + ": x\r\n" + target + length,
		"a version that is none":     "POST / HTTP/9.9\r\nHost: a\r\n" + target + length,
		"a method that is none":      "PO ST / HTTP/1.1\r\nHost: a\r\n" + target + length,
		"a preface of HTTP/2 broken": "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			if _, err := c.Write([]byte(request)); err != nil {
				return // refused while it was being sent
			}
			res, err := http.ReadResponse(c.r, nil)
			if err != nil {
				return // the connection was closed without an answer
			}
			defer res.Body.Close()
			if res.StatusCode < 400 || res.StatusCode > 505 || res.StatusCode == 500 {
				t.Errorf("answered %s", res.Status)
			}
		})
	}
	s.Must(t, "ListKeys", object{})
}

// TestBrowsersAreRefused: the credentials of trent dev are known, so a web page
// must not be able to use them, by another origin or by a name that it makes
// point to this machine.
func TestBrowsersAreRefused(t *testing.T) {
	onBothEngines(t, func(t *testing.T, s *harness.Server) {
		for name, change := range map[string]func(*http.Request){
			"an origin":    func(r *http.Request) { r.Header.Set("Origin", "http://localhost") },
			"a name":       func(r *http.Request) { r.Host = "rebound.example" },
			"an address":   func(r *http.Request) { r.Host = "192.0.2.1:4599" },
			"a false name": func(r *http.Request) { r.Host = "localhost.example" },
		} {
			t.Run(name, func(t *testing.T) {
				res := s.Do(t, harness.Request{Operation: "ListKeys", Before: change})
				if res.Status != http.StatusBadRequest || res.Type != "MalformedHttpRequestException" {
					t.Errorf("got %d %s", res.Status, res.Body)
				}
			})
		}
		for name, host := range map[string]string{"localhost": "localhost:4599", "IPv4": "127.0.0.2", "IPv6": "[::1]:4599", "a name below": "kms.localhost"} {
			t.Run(name, func(t *testing.T) {
				res := s.Do(t, harness.Request{Operation: "ListKeys", Before: func(r *http.Request) { r.Host = host }})
				if res.Status != http.StatusOK {
					t.Errorf("got %d %s", res.Status, res.Body)
				}
			})
		}
	})
}

// TestDeclaredLengthsTakeNoMemory: a connection costs what has arrived on it,
// not what its header announces.
func TestDeclaredLengthsTakeNoMemory(t *testing.T) {
	onBothEngines(t, func(t *testing.T, s *harness.Server) {
		const connections, announced = 300, 1_000_000
		before := s.ResidentBytes(t)
		for range connections {
			c := dial(t, s)
			head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"+
				"X-Amz-Target: TrentService.CreateKey\r\nContent-Length: %d\r\n\r\n{", announced)
			if _, err := c.Write([]byte(head)); err != nil {
				t.Fatal(err)
			}
		}
		s.Must(t, "ListKeys", object{}) // all have been accepted by now
		if grown := s.ResidentBytes(t) - before; grown > connections*announced/5 {
			t.Errorf("%d connections that announce %d bytes each took %d", connections, announced, grown)
		}
	})
}
