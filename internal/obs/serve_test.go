package obs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// serve serves a registry and a health until the test ends.
func serve(t *testing.T, m *Metrics, h *Health) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, m, h, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("served: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

func fetch(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestListener: what it answers, and that it answers nothing else.
func TestListener(t *testing.T) {
	t.Parallel()
	h := new(Health)
	h.Begin()
	base := serve(t, NewMetrics("1.2.3"), h)
	for _, test := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/metrics", 200, `trent_build_info{go_version="go1.`},
		{"GET", "/metrics", 200, "go_goroutines "},
		{"GET", "/metrics", 200, "process_open_fds "},
		{"GET", "/healthz", 200, `{"alive":true}`},
		{"GET", "/readyz", 200, `{"ready":true,"checks":{"process":"ok"}}`},
		{"HEAD", "/readyz", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"POST", "/readyz", 405, ""},
		{"GET", "/", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
	} {
		if status, body := fetch(t, test.method, base+test.path); status != test.status || !strings.Contains(body, test.contains) {
			t.Errorf("%s %s: %d %.300q", test.method, test.path, status, body)
		}
	}
}

// TestHealth: the states of a process, and of each check.
func TestHealth(t *testing.T) {
	t.Parallel()
	word := "ok"
	h := new(Health)
	base := serve(t, NewMetrics("test"), h)
	expect := func(status int, ready bool, process, check string) {
		t.Helper()
		got, body := fetch(t, "GET", base+"/readyz")
		var r Readiness
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		if got != status || r.Ready != ready || r.Checks["process"] != process || r.Checks["disk"] != check {
			t.Errorf("%d %s, want %d %s %s", got, body, status, process, check)
		}
		if got, _ := fetch(t, "GET", base+"/healthz"); got != 200 {
			t.Errorf("/healthz: %d", got)
		}
	}
	expect(503, false, "starting", "")
	h.Begin(Check{"disk", func() string { return word }})
	expect(200, true, "ok", "ok")
	word = State(false, "full")
	expect(503, false, "ok", "full")
	word = State(true, "full")
	expect(200, true, "ok", "ok")
	h.End()
	expect(503, false, "shutting down", "ok")
}
