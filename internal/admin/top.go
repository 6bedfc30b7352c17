package admin

import (
	"context"
	"strconv"
	"time"
)

// TopQuery asks what requests do for so long: GET /v1/top, which answers a Top when
// that time is over.
type TopQuery struct {
	Milliseconds int // 1 to MaxTopMilliseconds; 0 is 1000
	Limit        int // of operations, keys and principals; 1 to MaxTop, 0 is 10
}

// Bounds of a TopQuery.
const (
	MaxTopMilliseconds = 30_000
	MaxTop             = 200
)

// Top is what requests did in some time, and how the service stands at its end.
type Top struct {
	Time         time.Time  `json:"time"`
	Milliseconds int64      `json:"milliseconds"` // that were looked on
	State        string     `json:"state"`        // the service's for its callers: ready or unavailable
	All          TopCalls   `json:"all"`
	Operations   []TopCalls `json:"operations"` // the most called first
	Errors       []TopCount `json:"errors"`     // by code, the most frequent first
	Keys         []TopCount `json:"keys"`       // by ARN, the busiest first
	Principals   []TopCount `json:"principals"` // by ARN, the busiest first
	InFlight     int64      `json:"inFlight"`   // requests that are being worked on
	Connections  int64      `json:"connections"`
	Audit        TopAudit   `json:"audit"`
	Module       TopModule  `json:"module"`
}

// TopCalls are the calls of one operation, or of all.
type TopCalls struct {
	Operation string `json:"operation,omitempty"`
	Calls     uint64 `json:"calls"`
	Failed    uint64 `json:"failed"`
	P50       int64  `json:"p50Microseconds"`
	P99       int64  `json:"p99Microseconds"`
	Max       int64  `json:"maxMicroseconds"`
}

// TopCount is how often something was called.
type TopCount struct {
	Name  string `json:"name"`
	Calls uint64 `json:"calls"`
	Over  uint64 `json:"over"` // the count is too high by so much at most
}

// TopAudit is how far the audit trail is.
type TopAudit struct {
	Sequence uint64 `json:"sequence"` // of the last record
	Records  uint64 `json:"records"`  // written meanwhile
	Queued   int64  `json:"queued"`   // that wait to be written
	Outbox   int64  `json:"outbox"`   // of committed mutations, on their way from the store
	Unsigned uint64 `json:"unsigned"` // that no digest covers yet
	// DigestSeconds is how long ago the last digest was made; left out before the first.
	DigestSeconds *int64 `json:"digestSeconds,omitempty"`
	Error         string `json:"error,omitempty"` // why no record can be written
}

// TopModule is how the crypto module stands.
type TopModule struct {
	State string `json:"state"`
	Fast  int64  `json:"fast"` // commands in the fast lane, sent and not answered
	Slow  int64  `json:"slow"`
}

// top reads a TopQuery.
func (s *Server) top(r *request) (Top, error) {
	var q TopQuery
	for _, p := range [...]struct {
		name       string
		into       *int
		usual, max int
	}{{"milliseconds", &q.Milliseconds, 1000, MaxTopMilliseconds}, {"limit", &q.Limit, 10, MaxTop}} {
		text := r.query.Get(p.name)
		if *p.into = p.usual; text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > p.max {
			return Top{}, Errorf(InvalidRequest, "%s %q: want 1 to %d", p.name, text, p.max)
		}
		*p.into = n
	}
	return s.node.Top(r.ctx, r.by, q)
}

// Top asks what requests do.
func (c *Client) Top(ctx context.Context, q TopQuery) (Top, error) {
	return get[Top](ctx, c, "top", pairs("milliseconds", number(q.Milliseconds), "limit", number(q.Limit)))
}
