package production

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"trent/test/harness"
)

// TestNoTwin: what trent dev has for tests does not exist here: the paths are no
// others than any that does not exist.
func TestNoTwin(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	for name, address := range s.URLs {
		s.URL = address
		client := http.Client{Transport: s.Transport(), Timeout: wait}
		for _, path := range []string{"/_trent/clock", "/_trent/reset", "/_trent/faults", "/_trent/", "/none"} {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				r := s.HTTPRequest(t, harness.Request{Operation: "ListKeys", Who: p.Who})
				r.Method, r.URL.Path = method, path
				r.Header = http.Header{"Content-Type": {"application/json"}}
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
				res, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != http.StatusBadRequest || string(body) != `{"__type":"UnknownOperationException"}` {
					t.Errorf("%s: %s %s: %d %s, %v", name, method, path, res.StatusCode, body, err)
				}
			}
		}
	}
	for _, flag := range []string{"--seed", "--tls", "--allow-remote"} {
		if out, code := p.Run("serve", flag+"=x"); code != 2 || !strings.Contains(out, "unknown flag") {
			t.Errorf("%s: %d %s", flag, code, out)
		}
	}
}
