package twin

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/twin/faults"
)

// TestFaults: what an application is told, that the trail records it, that what
// is wrong in a request is found before, and how the rules end.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.createKey(t)
	blob := f.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})["CiphertextBlob"]
	got := f.post(t, "/_trent/faults", `{"seed":7,"rules":[{"operation":"Decrypt","keyId":"`+id+`","fault":"throttle","count":2},{"operation":"EnableKey","fault":"internal"}]}`)
	if rules := got["rules"].([]any); len(rules) != 2 || rules[0].(object)["hits"] != 0.0 || rules[0].(object)["count"] != 2.0 {
		t.Errorf("set: %v", got)
	}
	if _, code := f.call(t, "Decrypt", object{"CiphertextBlob": blob, "KeyId": "none"}); code != "NotFoundException" {
		t.Errorf("a key that does not exist: %q", code)
	}
	if _, code := f.call(t, "Decrypt", object{"KeyId": id}); code != "ValidationException" {
		t.Errorf("a bad request: %q", code)
	}
	for i, want := range []string{"ThrottlingException", "ThrottlingException", ""} {
		if _, code := f.call(t, "Decrypt", object{"CiphertextBlob": blob}); code != want {
			t.Errorf("Decrypt %d: %q, want %q", i+1, code, want)
		}
	}
	f.must(t, "DisableKey", object{"KeyId": id})
	if _, code := f.call(t, "EnableKey", object{"KeyId": id}); code != "KMSInternalException" {
		t.Errorf("EnableKey: %q", code)
	}
	if state := f.must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object)["KeyState"]; state != "Disabled" {
		t.Errorf("a mutation that met a fault had its effect: the key is %v", state)
	}
	_, got = f.do(t, http.MethodGet, "/_trent/faults", "")
	if rules := got["rules"].([]any); rules[0].(object)["hits"] != 2.0 || rules[1].(object)["hits"] != 1.0 {
		t.Errorf("hits: %v", got)
	}
	if status, got := f.do(t, http.MethodDelete, "/_trent/faults", ""); status != http.StatusOK || len(got["rules"].([]any)) != 0 {
		t.Errorf("deleted: %d %v", status, got)
	}
	f.must(t, "EnableKey", object{"KeyId": id})
	for _, body := range []string{``, `{}`, `{"rules":null}`, `{"rules":[{"fault":"fire"}]}`, `{"rules":[{"fault":"throttle","hits":1}]}`, `{"fault":"throttle"}`, `{"rules":[{"fault":"throttle","rate":"1"}]}`,
		`{"rules":[{"fault":"throttle","Count":1}]}`, `{"rules":[{"fault":"throttle","fault":"internal"}]}`, `{"rules":[],"rules":[]}`, `{"rules":[{"fault":"throttle","keyId":"nosuch"}]}`,
	} {
		if status, answer := f.do(t, http.MethodPost, "/_trent/faults", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	f.restart(t, false)
	recorded := map[string]int{}
	for r, err := range audit.Records(f.dir + "/audit") {
		if err != nil {
			t.Fatal(err)
		}
		var event struct{ EventName, ErrorCode string }
		if err := json.Unmarshal(r.JSON, &event); err != nil {
			t.Fatal(err)
		}
		recorded[event.EventName+" "+event.ErrorCode]++
	}
	if recorded["Decrypt ThrottlingException"] != 2 || recorded["EnableKey KMSInternalException"] != 1 || recorded["EnableKey "] != 1 {
		t.Errorf("recorded: %v", recorded)
	}
}

// TestModuleIsKilled: the call during which the module goes is told what
// production tells, and soon it is there again.
func TestModuleIsKilled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.createKey(t)
	before := f.process.child.Pid()
	f.post(t, "/_trent/faults", `{"rules":[{"operation":"Encrypt","fault":"module-restart"}]}`)
	encrypt := func() string {
		_, code := f.call(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})
		return code
	}
	if code := encrypt(); code != "ServiceUnavailableException" {
		t.Errorf("Encrypt: %q", code)
	}
	deadline := time.After(30 * time.Second)
	for code := encrypt(); code != ""; code = encrypt() {
		if code != "ServiceUnavailableException" {
			t.Fatalf("meanwhile: %s", code)
		}
		select {
		case <-deadline:
			t.Fatal("the module does not come back")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if f.process.child.Pid() == before {
		t.Error("the module is the one of before")
	}
}

// waitingCall begins a call that meets a latency, and returns when it does. The
// call's client waits for less than the latency.
func (f *fixture) waitingCall(t *testing.T) <-chan error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	answered := make(chan error, 1)
	go func() {
		defer cancel()
		answered <- caller{f.Twin, f.Now, account, region}.call(ctx, "ListKeys", "", object{}, nil)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for f.faults.Status()[0].Hits == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("nobody waits")
		case <-tick.C:
		}
	}
	return answered
}

// TestFaultsEndWithTheService: it does not wait for a latency to be over.
func TestFaultsEndWithTheService(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.setFaults(nil, []faults.Rule{{Fault: faults.Latency, LatencyMs: 30_000}}); err != nil {
		t.Fatal(err)
	}
	listed := f.waitingCall(t)
	f.restart(t, false)
	if err := <-listed; err != nil {
		t.Errorf("ListKeys: %v", err)
	}
}

// TestFaultsEndWithAReset: nobody waits for a latency of before.
func TestFaultsEndWithAReset(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.createKey(t)
	if err := f.setFaults(nil, []faults.Rule{{Fault: faults.Latency, LatencyMs: 30_000}}); err != nil {
		t.Fatal(err)
	}
	listed := f.waitingCall(t)
	f.post(t, "/_trent/reset", "{}")
	if err := <-listed; err != nil {
		t.Errorf("ListKeys: %v", err)
	}
	if rules := f.faults.Status(); len(rules) != 0 {
		t.Errorf("rules after a reset: %v", rules)
	}
	if _, err := os.Stat(f.resetMark()); err == nil {
		t.Error("the reset has left its mark")
	}
}
