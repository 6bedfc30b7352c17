package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"trent/internal/edge"
)

// TestAsides: both servers ask them about whole requests for other paths than
// the KMS API's, in their order, and nothing else.
func TestAsides(t *testing.T) {
	t.Parallel()
	const unknown = `{"__type":"UnknownOperationException"}`
	first := func(_ context.Context, r *edge.AsideRequest) (edge.AsideAnswer, bool) {
		if r.Path != "/first" {
			return edge.AsideAnswer{}, false
		}
		text := fmt.Sprintf("%s %s?%s %s %s from here: %v", r.Method, r.Path, r.RawQuery, r.First("X-Word"), r.Body, r.Remote.IsLoopback())
		return edge.AsideAnswer{Status: 202, ContentType: "text/plain", Body: []byte(text)}, true
	}
	all := func(_ context.Context, r *edge.AsideRequest) (edge.AsideAnswer, bool) {
		if r.Path == "/nobody's" {
			return edge.AsideAnswer{}, false
		}
		return edge.AsideAnswer{Status: 200, ContentType: "text/plain", Body: []byte("all: " + r.Path)}, true
	}
	for _, http2 := range []bool{false, true} {
		f := newFixture(t)
		addr := f.listen(t, edge.Config{Listener: "test", HTTP2: http2, LocalOnly: true, Asides: []edge.Aside{first, all}})
		for _, test := range []struct {
			method, path, body, origin string
			status                     int
			answer                     string
		}{
			{"POST", "/first?a=b", "body", "", 202, "POST /first?a=b word body from here: true"},
			{"GET", "/first", "", "", 202, "GET /first? word  from here: true"},
			{"PUT", "/second", "body", "", 200, "all: /second"},
			{"GET", "/nobody's", "", "", 400, unknown},
			{"POST", "/", "{}", "", 400, unknown},
			{"GET", "/", "", "", 400, unknown},
			{"POST", "/first", strings.Repeat("x", 64<<10), "", 202, "POST /first? word " + strings.Repeat("x", 64<<10) + " from here: true"},
			{"POST", "/first", strings.Repeat("x", 64<<10+1), "", 413, `{"__type":"RequestEntityTooLargeException","message":"The request body must not be longer than 65536 bytes."}`},
			{"GET", "/first", "", "http://localhost", 400, `{"__type":"MalformedHttpRequestException","message":"trent dev serves this machine's programs: use a loopback address or localhost, no browser, or start it with --allow-remote."}`},
		} {
			r, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+addr+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Word", "word")
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != test.status || string(body) != test.answer {
				t.Errorf("HTTP/2 %v: %s %s: %d %.200s, %v", http2, test.method, test.path, res.StatusCode, body, err)
			}
		}
	}
}
