package edge

import (
	"crypto/tls"
	"net"
	"sync"

	"trent/internal/apierr"
	"trent/internal/wire"
)

// refusal is the answer to whatever comes once a server has ended. The pipeline does
// not see it, whose parts may be closed.
func refusal() (status int, body []byte) {
	err := apierr.New(apierr.ServiceUnavailable, "The service is shutting down.")
	return wire.Status(err.Code), wire.AppendError(nil, err)
}

// connections are a server's open ones.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (s *connections) add(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[net.Conn]struct{}{}
	}
	s.open[c] = struct{}{}
}

func (s *connections) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// close closes all and returns how many they were.
func (s *connections) close() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if t, ok := c.(*tls.Conn); ok {
			c = t.NetConn() // tls would say goodbye, for which a client can make it wait
		}
		c.Close()
	}
	return len(s.open)
}
