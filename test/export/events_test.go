package export

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"trent/test/harness"
)

// TestEventsKilled: a service that is killed after an event was delivered, and before
// it could know that, delivers it again, with the same id; none is lost, and nothing
// but events arrives.
func TestEventsKilled(t *testing.T) {
	t.Parallel()
	p := harness.NewFolder(t)
	h := newReceiver(t, p)
	type event struct {
		ID         string
		DetailType string `json:"detail-type"`
		Source     string
		Region     string
		Resources  []string
		Detail     map[string]string
	}
	arrived := make(chan event, 1000)
	h.taken = func(r *http.Request, body []byte) {
		var e event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		again := h.times(e.ID) > 1
		arrived <- e
		if !again {
			<-r.Context().Done() // no answer leaves until the service is gone
		}
	}
	p.Write(fmt.Sprintf(`module: {child: {program: %s, key_file: module/key}}
unseal: {same_user: true}
audit:
  exports:
    - {name: lifecycle, format: events, every: 100ms, allow: [127.0.0.0/8], webhook: {url: "%s", secret_file: hook.secret, tls: {ca: server.pem}}}
`, harness.Program("trent-hsm"), h.url))
	p.Init()
	s := p.Serve()
	key, arn := s.CreateKey(t, p.Who)
	rounds := harness.Rounds(3, 20)
	for round := range rounds {
		s.MustAs(t, p.Who, "RotateKeyOnDemand", object{"KeyId": key})
		first := <-arrived
		if first.DetailType != "KMS CMK Rotation" || first.Source != "aws.kms" || len(first.Resources) != 1 || first.Resources[0] != arn || first.Detail["key-id"] != key || first.Detail["rotation-type"] != "ON_DEMAND" {
			t.Fatalf("round %d: %+v", round, first)
		}
		s.Kill()
		s.Restart()
		if again := <-arrived; again.ID != first.ID {
			t.Fatalf("round %d: after the crash %s comes, and not %s again", round, again.ID, first.ID)
		}
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("stop: %d", code)
	}
	want := 0
	for _, r := range trail(t, p.Data) {
		if r.Text("eventName") == "RotateKey" {
			if want++; h.times(r.Text("eventID")) == 0 {
				t.Errorf("the event of %s is lost", r.JSON)
			}
		}
	}
	if want != rounds || len(h.got) != want {
		t.Errorf("%d events of %d rotations", len(h.got), want)
	}
}

func (h *receiver) times(id string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[id]
}
