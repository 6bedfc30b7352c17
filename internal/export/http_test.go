package export

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var loopbackAllowed = []string{"127.0.0.0/8", "::1/128"}

// writePEM writes a test server's certificate, to be trusted.
func writePEM(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pemOf(s.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pemOf(c *x509.Certificate) []byte {
	b := []byte("-----BEGIN CERTIFICATE-----\n")
	text := base64.StdEncoding.EncodeToString(c.Raw)
	for len(text) > 64 {
		b = append(append(b, text[:64]...), '\n')
		text = text[64:]
	}
	return append(append(b, text...), "\n-----END CERTIFICATE-----\n"...)
}

func writeSecret(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const whsec = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// hookServer answers with what a test says and keeps what it got.
func hookServer(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(answer)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func hookExport(t *testing.T, s *httptest.Server, secret string) Export {
	return Export{Name: "hook", Allow: loopbackAllowed, Webhook: &Webhook{URL: s.URL + "/in?token=SECRETPATH", SecretFile: secret, TLS: &TLS{CA: writePEM(t, s)}}}
}

// TestWebhook: batches arrive whole, signed as Standard Webhooks says, with the
// same id when they are sent again.
func TestWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(3, "111122223333")
	var got []string
	var seen []string
	var failing atomic.Int32
	failing.Store(1)
	s := hookServer(t, func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, r.Header.Get("Webhook-Id"))
		at, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		if err != nil || at != w.clock().Unix() || r.Header.Get("Content-Type") != "application/json" || r.Method != "POST" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		mac := webhookMAC([]byte("0123456789abcdef0123456789abcdef"), r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac) {
			t.Errorf("signature %s", r.Header.Get("Webhook-Signature"))
		}
		if failing.Add(-1) >= 0 {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		var records struct{ Records []struct{ EventID string } }
		if err := json.Unmarshal(body, &records); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		for _, r := range records.Records {
			got = append(got, r.EventID)
		}
	})
	x := w.exporter(hookExport(t, s, writeSecret(t, whsec+"\n", 0o600)))
	if err := x.round(t.Context()); err == nil {
		t.Fatal("a 500 is no error")
	}
	mustRound(t, x)
	mustEqual(t, "got", got, ids(1, 1, 3))
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("ids %v", seen)
	}
	if x.Status().Destination != s.URL {
		t.Errorf("destination %s", x.Status().Destination)
	}
}

// TestMACVector is a vector of the Standard Webhooks libraries' form, computed
// with OpenSSL: printf '%s' id.1700000000.body | openssl dgst -sha256 -hmac KEY.
func TestMACVector(t *testing.T) {
	t.Parallel()
	got := base64.StdEncoding.EncodeToString(webhookMAC([]byte("0123456789abcdef0123456789abcdef"), "msg_1", "1700000000", []byte(`{"Records":[]}`)))
	if want := "pLYzqHACzHb40RRMKunRTLWWqByZLxhg3oqTM1Cz0rI="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWebhookRefusals: what is no success is an error, that tells no secret and
// how to go on.
func TestWebhookRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(1, "111122223333")
	var reached atomic.Int32
	other := hookServer(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	var answer http.HandlerFunc
	s := hookServer(t, func(rw http.ResponseWriter, r *http.Request) { answer(rw, r) })
	status := func(code int, header ...string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			rw.WriteHeader(code)
			io.WriteString(rw, "no\x1b[31m\nthanks: Cannot POST "+r.URL.String()) // as Express answers
		}
	}
	good := writeSecret(t, whsec, 0o600)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		secret string
		change func(*Export)
		after  time.Duration
		want   string
	}{
		{name: "500", answer: status(500), want: "it answered 500"},
		{name: "429", answer: status(429, "Retry-After", "120"), after: 2 * time.Minute, want: "429"},
		{name: "429 for ever", answer: status(429, "Retry-After", "999999999"), after: longestRetry, want: "429"},
		{name: "503 with nonsense", answer: status(503, "Retry-After", "-7"), want: "503"},
		{name: "401", answer: status(401), want: "401"},
		{name: "redirect", answer: status(302, "Location", other.URL), want: "redirect"},
		{name: "307", answer: status(307, "Location", other.URL), want: "redirect"},
		{name: "304", answer: status(304), want: "304"},
		{name: "half an answer", answer: func(rw http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, want: "EOF"},
		{name: "no HTTP", answer: func(rw http.ResponseWriter, r *http.Request) {
			conn, _, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", r.URL)
			conn.Close()
		}, want: "did not answer in HTTP"},
		{name: "an untrusted server", answer: status(200), change: func(e *Export) { e.Webhook.TLS = nil }, want: "certificate"},
		{name: "loopback not named", answer: status(200), change: func(e *Export) { e.Allow = nil }, want: "loopback"},
		{name: "a secret that others can read", answer: status(200), secret: writeSecret(t, whsec, 0o640), want: "0640"},
		{name: "a short secret", answer: status(200), secret: writeSecret(t, "whsec_MDEyMzQ1Njc4OWFi", 0o600), want: "whsec_ and"},
		{name: "no secret", answer: status(200), secret: writeSecret(t, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 0o600), want: "whsec_ and"},
		{name: "a missing secret", answer: status(200), secret: "/nowhere", want: "no such file"},
	} {
		answer = c.answer
		secret := c.secret
		if secret == "" {
			secret = good
		}
		e := hookExport(t, s, secret)
		if c.change != nil {
			c.change(&e)
		}
		e.Name = strings.ReplaceAll(c.name, " ", "-")
		err := w.exporter(e).round(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
			continue
		}
		if text := err.Error(); strings.Contains(text, "SECRETPATH") || strings.Contains(text, "MDEy") || strings.Contains(text, "\x1b") {
			t.Errorf("%s: the error tells too much: %q", c.name, text)
		}
		var after time.Duration
		if r, ok := errors.AsType[*refusal](err); ok {
			after = r.after
		}
		if after != c.after {
			t.Errorf("%s: come again after %v, want %v", c.name, after, c.after)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("a redirect was followed")
	}
}

// TestProxyIsNotTaken: nothing in the environment names a proxy. (Go's own rule
// never takes one for loopback, so that a request here would show nothing.)
func TestProxyIsNotTaken(t *testing.T) {
	t.Parallel()
	d, err := newDialer(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if newHTTPClient(d, nil).client.Transport.(*http.Transport).Proxy != nil {
		t.Errorf("there is a proxy")
	}
}

// TestRetries: waits grow, differ, end at a bound, and heed what is asked for.
func TestRetries(t *testing.T) {
	t.Parallel()
	x := newWorld(t).exporter(plainExport("a"))
	for failures, most := range []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9, 128e9, 256e9, longestRetry, longestRetry} {
		if wait := x.failed(errors.New("down"), failures); wait < most/2 || wait > most {
			t.Errorf("after %d failures: %v, want %v at most", failures, wait, most)
		}
	}
	if wait := x.failed(&refusal{after: time.Minute}, 0); wait != time.Minute {
		t.Errorf("asked for a minute: %v", wait)
	}
	if wait := x.failed(errors.New("down"), 1<<30); wait > longestRetry {
		t.Errorf("%v", wait)
	}
}
