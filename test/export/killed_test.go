package export

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"trent/test/harness"
)

// load makes requests until stop is closed; some fail, as the service is killed.
func load(t *testing.T, s *harness.Server, who harness.Who, key string, stop chan struct{}) *sync.WaitGroup {
	var running sync.WaitGroup
	client := &http.Client{Transport: s.Transport()}
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				body := harness.Marshal(object{"KeyId": key, "Plaintext": "AA=="})
				res, err := client.Do(s.HTTPRequest(t, harness.Request{Operation: "Encrypt", Body: body, Who: who}))
				if err != nil {
					return // killed
				}
				res.Body.Close()
			}
		})
	}
	return &running
}

// TestKilled: whatever the destination does and whenever the service is killed,
// every record arrives: at the webhook at least once, in the folder once.
func TestKilled(t *testing.T) {
	t.Parallel()
	p := harness.NewFolder(t)
	h := newReceiver(t, p)
	archive := filepath.Join(p.Folder, "archive")
	if err := os.Mkdir(archive, 0o750); err != nil {
		t.Fatal(err)
	}
	p.Write(fmt.Sprintf(`module: {child: {program: %s, key_file: module/key}}
unseal: {same_user: true}
audit:
  exports:
    - {name: archive, folder: archive, max_bytes: 65536}
    - {name: hook, every: 100ms, max_bytes: 65536, allow: [127.0.0.0/8], webhook: {url: "%s", secret_file: hook.secret, tls: {ca: server.pem}}}
`, harness.Program("trent-hsm"), h.url))
	p.Init()
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	own := s.URLs["public"]
	h.answer = func(n int, rw http.ResponseWriter, r *http.Request) bool {
		switch n % 8 {
		case 1:
			rw.WriteHeader(http.StatusInternalServerError)
		case 3:
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(http.StatusTooManyRequests)
		case 5:
			http.Redirect(rw, r, own, http.StatusTemporaryRedirect)
		case 7:
			panic(http.ErrAbortHandler) // not even an answer
		default:
			return false
		}
		return true
	}
	for round := range harness.Rounds(5, 60) {
		stop := make(chan struct{})
		running := load(t, s, p.Who, key, stop)
		seen := h.requests()
		if !harness.Eventually(wait, func() bool { return h.requests() > seen+round%3 }) {
			t.Fatalf("round %d: nothing arrives", round)
		}
		s.Kill()
		close(stop)
		running.Wait()
		s.Restart()
		own = s.URLs["public"]
	}
	if code := s.Stop(); code != 0 { // so that everything is signed
		t.Fatalf("stop: %d", code)
	}
	records := trail(t, p.Data)
	signed := eventIDs(records)
	h.mu.Lock()
	h.answer = nil // the backlog of many rounds is long
	h.mu.Unlock()
	s.Restart()
	if !harness.Eventually(wait, func() bool { return h.has(records) }) {
		t.Errorf("the webhook lacks records")
	}
	if !harness.Eventually(wait, func() bool { return len(inPython(t, archive)) >= len(signed) }) {
		t.Errorf("the folder has %d of %d records", len(inPython(t, archive)), len(signed))
	}
	got := inPython(t, archive)
	slices.Sort(got)
	slices.Sort(signed)
	if !slices.Equal(slices.Compact(slices.Clone(got)), got) {
		t.Errorf("the folder has a record twice")
	}
	for _, id := range signed {
		if _, found := slices.BinarySearch(got, id); !found {
			t.Errorf("the folder lacks %s", id)
			break
		}
	}
	for _, r := range records {
		if code := r.Text("errorCode"); code != "" {
			t.Errorf("somebody called without a signature, as by a redirect: %s", r.JSON)
			break
		}
	}
}

func (h *receiver) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}
