package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"trent/test/harness"
)

// receiver is a webhook that keeps the ids of the records that it has accepted.
type receiver struct {
	t      *testing.T
	url    string
	secret []byte
	mu     sync.Mutex
	got    map[string]int // event id → times
	bodies []byte
	// answer says what is done with a request, of which n were before; nil: it is
	// accepted. It returns whether the request was taken care of.
	answer func(n int, rw http.ResponseWriter, r *http.Request) bool
	n      int
	// taken, if not nil, is called before a request that was accepted is answered.
	taken func(r *http.Request, body []byte)
}

// newReceiver listens with the certificate of p's folder and writes the secret's
// file there.
func newReceiver(t *testing.T, p *harness.Production) *receiver {
	t.Helper()
	h := &receiver{t: t, secret: []byte("0123456789abcdef0123456789abcdef"), got: map[string]int{}}
	pair, err := tls.LoadX509KeyPair(filepath.Join(p.Folder, "server.pem"), filepath.Join(p.Folder, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	h.url = s.URL
	text := "whsec_" + base64.StdEncoding.EncodeToString(h.secret)
	if err := os.WriteFile(filepath.Join(p.Folder, "hook.secret"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *receiver) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	if h.take(rw, r, body) && h.taken != nil {
		h.taken(r, body)
	}
}

// take keeps what a request brings: records, or one event.
func (h *receiver) take(rw http.ResponseWriter, r *http.Request, body []byte) (accepted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	if h.answer != nil && h.answer(h.n-1, rw, r) {
		return false
	}
	mac := hmac.New(sha256.New, h.secret)
	io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+".")
	mac.Write(body)
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		h.t.Errorf("a request with a wrong signature: %v", r.Header)
	}
	var in struct {
		ID      string // of an event
		Records []struct{ EventID string }
	}
	if err := json.Unmarshal(body, &in); err != nil || (len(in.Records) == 0) == (in.ID == "") {
		h.t.Errorf("%v in %.200s", err, body)
	}
	for _, record := range in.Records {
		h.got[record.EventID]++
	}
	if in.ID != "" {
		h.got[in.ID]++
	}
	h.bodies = append(h.bodies, body...)
	return true
}

// has reports whether every record of the trail has arrived.
func (h *receiver) has(records []harness.AuditRecord) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range records {
		if h.got[records[i].Text("eventID")] == 0 {
			return false
		}
	}
	return len(records) > 0
}
