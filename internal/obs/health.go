package obs

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
)

// ready is what a Check says when it has nothing against it.
const ready = "ok"

// A Check is one thing without which no request can be answered.
type Check struct {
	Name string
	// State is "ok", or a fixed word for what is wrong. Anybody can read it, so
	// it is no error's text.
	State func() string
}

// State is a Check's word: "ok" if it holds, otherwise the other.
func State(holds bool, otherwise string) string {
	if holds {
		return ready
	}
	return otherwise
}

// Health answers whether this process lives, and whether it should get requests.
// The zero Health is not ready: the process is starting.
type Health struct {
	checks atomic.Pointer[[]Check] // nil until Begin
	ending atomic.Bool
}

// Begin makes it as ready as all checks are.
func (h *Health) Begin(checks ...Check) { h.checks.Store(&checks) }

// End makes it unready for good: the process is shutting down, and requests
// should go elsewhere.
func (h *Health) End() { h.ending.Store(true) }

// Readiness is the body of /readyz: ready, and the state of each check.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// Ready asks every check, and says what the process itself does.
func (h *Health) Ready() Readiness {
	r := Readiness{Ready: true, Checks: map[string]string{}}
	note := func(name, state string) {
		r.Checks[name] = state
		r.Ready = r.Ready && state == ready
	}
	checks := h.checks.Load()
	switch {
	case h.ending.Load():
		note("process", "shutting down")
	case checks == nil:
		note("process", "starting")
	default:
		note("process", ready)
	}
	if checks != nil {
		for _, c := range *checks {
			note(c.Name, c.State())
		}
	}
	return r
}

// Answer is the answer to a GET of a path: 200 for /healthz as long as the
// process can answer at all; 200 or 503 for /readyz, with what is not ready. ok
// is false for any other path. The body is JSON.
func (h *Health) Answer(path string) (status int, body []byte, ok bool) {
	switch path {
	case "/healthz":
		return http.StatusOK, []byte(`{"alive":true}` + "\n"), true
	case "/readyz":
		r := h.Ready()
		body, _ := json.Marshal(r) // strings and a bool: it cannot fail
		if !r.Ready {
			return http.StatusServiceUnavailable, append(body, '\n'), true
		}
		return http.StatusOK, append(body, '\n'), true
	}
	return 0, nil, false
}
