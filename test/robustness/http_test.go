package robustness

import (
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
