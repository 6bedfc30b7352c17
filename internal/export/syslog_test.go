package export

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// syslogServer takes connections and keeps the messages, framed by octet
// counting.
type syslogServer struct {
	t        *testing.T
	l        net.Listener
	mu       sync.Mutex
	messages []string
	// limit is after how many messages a connection is closed at once; 0: never.
	limit int
}

func (s *syslogServer) serve() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		go s.read(conn)
	}
}

func (s *syslogServer) read(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for n := 1; ; n++ {
		length, err := r.ReadString(' ')
		if err != nil {
			return
		}
		count, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil || count <= 0 || length[0] == '0' {
			s.t.Errorf("length %q", length)
			return
		}
		message := make([]byte, count)
		if _, err := io.ReadFull(r, message); err != nil {
			return
		}
		s.mu.Lock()
		s.messages = append(s.messages, string(message))
		limit := s.limit
		s.mu.Unlock()
		if limit > 0 && n >= limit {
			return
		}
	}
}

var header = regexp.MustCompile(`^<110>1 2026-11-23T08:30:00Z ([!-~]{1,255}) trent - Encrypt - (\{.*\})$`)

func (s *syslogServer) ids() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		parts := header.FindStringSubmatch(m)
		if parts == nil {
			s.t.Fatalf("no message of RFC 5424: %q", m)
		}
		all = append(all, eventID([]byte(parts[2])))
	}
	return all
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// TestSyslog: on each transport, messages of RFC 5424, framed by their length, in
// order.
func TestSyslog(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	ca := writePEM(t, certified)
	for _, network := range []string{"tcp", "tls", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := &syslogServer{t: t}
			var err error
			address := "unix://" + filepath.Join(shortFolder(t), "s")
			if network == "unix" {
				s.l, err = net.Listen("unix", strings.TrimPrefix(address, "unix://"))
			} else if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
				address = network + "://" + s.l.Addr().String()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.l.Close()
			e := Export{Name: "s", Allow: loopbackAllowed, Syslog: &Syslog{Address: address, Facility: 13}}
			if network == "tls" {
				s.l = tls.NewListener(s.l, &tls.Config{Certificates: certified.TLS.Certificates})
				e.Syslog.TLS = &TLS{CA: ca}
			}
			go s.serve()
			x := w.exporter(e)
			defer x.to.close()
			w.append(30, "111122223333")
			mustRound(t, x)
			w.append(12, "111122223333")
			mustRound(t, x)
			eventually(t, "42 messages", func() bool { return len(s.ids()) == 42 })
			mustEqual(t, "messages", s.ids(), ids(1, 1, 42))
			if network == "tls" {
				e.Name, e.Syslog.TLS = "t", nil
				if err := w.exporter(e).round(t.Context()); !errors.As(err, new(*tls.CertificateVerificationError)) && !errors.As(err, new(x509.UnknownAuthorityError)) {
					t.Errorf("a server that nobody vouches for: %v", err)
				}
			}
		})
	}
}

func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "trent-s-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// TestSyslogHalf: a collector that closes in the middle gets everything again, and
// nothing is missing.
func TestSyslogHalf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &syslogServer{t: t, l: l, limit: 3}
	go s.serve()
	x := w.exporter(Export{Name: "s", Allow: loopbackAllowed, Syslog: &Syslog{Address: "tcp://" + l.Addr().String(), Facility: 13}})
	defer x.to.close()
	w.append(2000, "111122223333") // more than what the sockets hold
	eventually(t, "a failure", func() bool { return x.round(t.Context()) != nil })
	s.mu.Lock()
	s.limit = 0
	s.mu.Unlock()
	eventually(t, "a round without a failure", func() bool { return x.round(t.Context()) == nil })
	got := map[string]bool{}
	eventually(t, "every message", func() bool {
		for _, id := range s.ids() {
			got[id] = true
		}
		return len(got) == 2000
	})
}

// TestSyslogHangs: a collector that takes nothing ends in an error, not in a wait
// without an end.
func TestSyslogHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x := w.exporter(Export{Name: "s", Allow: loopbackAllowed, MaxBytes: 64 << 20, Syslog: &Syslog{Address: "tcp://" + l.Addr().String(), Facility: 13}})
	w.append(2_000, "111122223333")
	if err := x.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := x.plan(t.Context()); err != nil || x.batch == nil {
		t.Fatal(err)
	}
	for i := range x.batch.records {
		x.batch.records[i].json = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 40_000))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := x.to.deliver(ctx, x.batch); err == nil {
		t.Errorf("80 MB were taken by nobody")
	}
}

// TestSyslogUnread: a collector that closes with messages that it has not read has
// not taken them, though its close empties the socket.
func TestSyslogUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(shortFolder(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
	}()
	x := w.exporter(Export{Name: "s", Syslog: &Syslog{Address: "unix://" + path, Facility: 13}})
	defer x.to.close()
	w.append(3, "111122223333")
	if err := x.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := x.plan(t.Context()); err != nil || x.batch == nil {
		t.Fatal(err)
	}
	taken := 0
	for range 1000 {
		if err := x.to.deliver(t.Context(), x.batch); err == nil {
			taken++
		}
	}
	if taken > 0 {
		t.Errorf("%d of 1000 batches count as delivered, and nobody has read them", taken)
	}
}
