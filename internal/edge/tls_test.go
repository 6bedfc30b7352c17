package edge_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"trent/internal/certificate"
	"trent/internal/certificate/certtest"
	"trent/internal/edge"
)

// TestTLS: both engines speak TLS 1.2 and 1.3 and nothing older, agree on keys
// with X25519MLKEM768, offer what they speak, and serve a new certificate as
// soon as there is one.
func TestTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		http2    bool
		protocol string // that a client gets who would like HTTP/2
	}{"fasthttp": {false, "http/1.1"}, "net/http": {true, "h2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := slog.New(slog.DiscardHandler)
			later, dir := time.Now().Add(time.Hour), t.TempDir()
			certPath, keyPath := certtest.New(t, 1, later).Write(t, dir)
			files, err := certificate.Open(certPath, keyPath, time.Now, log)
			if err != nil {
				t.Fatal(err)
			}
			address := serveTLS(t, edge.Config{Listener: "tls", HTTP2: c.http2, TLS: files.Config(), Now: time.Now, Log: log})
			dial := func(most uint16) (tls.ConnectionState, error) {
				conn, err := tls.Dial("tcp", address, &tls.Config{
					InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most, NextProtos: []string{"h2", "http/1.1"},
				})
				if err != nil {
					return tls.ConnectionState{}, err
				}
				defer conn.Close()
				return conn.ConnectionState(), nil
			}
			expect := func(most uint16, curve tls.CurveID, serial int64) {
				t.Helper()
				s, err := dial(most)
				if err != nil {
					t.Fatal(err)
				}
				if s.Version != most || s.CurveID != curve || s.NegotiatedProtocol != c.protocol || s.PeerCertificates[0].SerialNumber.Int64() != serial {
					t.Errorf("%s, %v, %q, certificate %v; want %s, %v, %q, %d", tls.VersionName(s.Version), s.CurveID, s.NegotiatedProtocol,
						s.PeerCertificates[0].SerialNumber, tls.VersionName(most), curve, c.protocol, serial)
				}
			}
			expect(tls.VersionTLS13, tls.X25519MLKEM768, 1)
			expect(tls.VersionTLS12, tls.X25519, 1)
			if _, err := dial(tls.VersionTLS11); err == nil {
				t.Error("TLS 1.1 is accepted")
			}
			for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
				conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
				if err != nil {
					continue
				}
				conn.Close()
				if !strings.HasPrefix(suite.Name, "TLS_ECDHE_ECDSA_") || strings.Contains(suite.Name, "_CBC_") {
					t.Errorf("%s is accepted", suite.Name)
				}
			}
			certtest.New(t, 2, later).Write(t, dir)
			expect(tls.VersionTLS13, tls.X25519MLKEM768, 1)
			files.Refresh()
			expect(tls.VersionTLS13, tls.X25519MLKEM768, 2)
		})
	}
}

// serveTLS serves until the test's end, and returns the address. No request
// gets as far as a pipeline.
func serveTLS(t *testing.T, c edge.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, served := edge.New(nil, c), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}
