package edge

import (
	"context"
	"net/netip"

	"trent/internal/wire"
)

// kmsPath is the one path of the KMS API.
const kmsPath = "/"

// An Aside answers requests that are not the KMS API's, such as health checks:
// it is asked about every request for another path than "/", and reports
// whether it has answered. What no Aside answers goes on to the pipeline, which
// refuses it. A request that could not be read whole, or that the listener
// does not admit, reaches none. Nothing is authenticated, and nothing recorded.
type Aside func(ctx context.Context, r *AsideRequest) (answer AsideAnswer, answered bool)

// AsideRequest is an HTTP request with its body read, 64 KiB at most. It is
// valid until the Aside returns.
type AsideRequest struct {
	Method, Path, RawQuery, Host string
	Header                       map[string][]string // names in MIME canonical form
	Body                         []byte
	Remote                       netip.Addr // the peer; zero on a Unix socket
	TLS                          bool
}

// First returns the first value of a header, given in canonical form.
func (r *AsideRequest) First(name string) string {
	if v := r.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// AsideAnswer is an HTTP answer.
type AsideAnswer struct {
	Status      int
	ContentType string
	Body        []byte
}

// aside asks the Asides about a request for another path than the KMS API's.
func (c *Config) aside(ctx context.Context, in *wire.Request) (AsideAnswer, bool) {
	r := AsideRequest{
		Method: in.Method, Path: in.Path, RawQuery: in.RawQuery, Host: in.Host,
		Header: in.Header, Body: in.Body, Remote: in.Remote, TLS: in.TLS != nil,
	}
	for _, aside := range c.Asides {
		if answer, ok := aside(ctx, &r); ok {
			return answer, true
		}
	}
	return AsideAnswer{}, false
}
