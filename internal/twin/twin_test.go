package twin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trent/internal/edge"
)

// TestFences: whoever is not a program on this machine gets nowhere, whatever
// the path and the method.
func TestFences(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	local := netip.MustParseAddr("127.0.0.1")
	header := func(more ...string) map[string][]string {
		h := map[string][]string{"Content-Type": {"application/json"}}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = []string{more[i+1]}
		}
		return h
	}
	for name, c := range map[string]struct {
		r      edge.AsideRequest
		status int
	}{
		"a program":               {edge.AsideRequest{Host: "127.0.0.1:4599", Remote: local, Header: header()}, 200},
		"by name":                 {edge.AsideRequest{Host: "localhost:4599", Remote: local, Header: header()}, 200},
		"over IPv6":               {edge.AsideRequest{Host: "[::1]:4599", Remote: netip.IPv6Loopback(), Header: header()}, 200},
		"with a character set":    {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Content-Type", "application/json; charset=utf-8")}, 200},
		"another machine":         {edge.AsideRequest{Host: "localhost", Remote: netip.MustParseAddr("192.0.2.7"), Header: header()}, 403},
		"no peer":                 {edge.AsideRequest{Host: "localhost", Header: header()}, 403},
		"a name that leads here":  {edge.AsideRequest{Host: "kms.example.com", Remote: local, Header: header()}, 403},
		"no host":                 {edge.AsideRequest{Remote: local, Header: header()}, 403},
		"an address of a network": {edge.AsideRequest{Host: "192.0.2.7:4599", Remote: local, Header: header()}, 403},
		"a web page":              {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Origin", "https://example.com")}, 403},
		"a page from here":        {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Origin", "http://localhost:4599")}, 403},
		"a page without origin":   {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Origin", "null")}, 403},
		"a form":                  {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Content-Type", "application/x-www-form-urlencoded")}, 415},
		"plain text":              {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Content-Type", "text/plain")}, 415},
		"no type":                 {edge.AsideRequest{Host: "localhost", Remote: local, Header: map[string][]string{}}, 415},
		"another JSON":            {edge.AsideRequest{Host: "localhost", Remote: local, Header: header("Content-Type", "application/json-patch+json")}, 415},
	} {
		c.r.Path, c.r.Body, c.r.Method = "/_trent/clock", []byte(`{"advance":"0s"}`), http.MethodPost
		if got, ours := f.aside(t.Context(), &c.r); !ours || got.Status != c.status {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		if c.status != http.StatusForbidden {
			continue
		}
		for path, methods := range routes {
			for method := range methods {
				c.r.Path, c.r.Method = prefix+path, method
				if got, ours := f.aside(t.Context(), &c.r); !ours || got.Status != c.status {
					t.Errorf("%s, %s %s: %d %s", name, method, path, got.Status, got.Body)
				}
			}
		}
	}
	for path, ours := range map[string]bool{"/_trent/none": true, "/_trent/": true, "/_trent/clock/": true, "/_trent": false, "/healthz": false, "//_trent/clock": false} {
		got, answered := f.aside(t.Context(), &edge.AsideRequest{Method: http.MethodGet, Path: path, Host: "localhost", Remote: local})
		if answered != ours || ours && got.Status != http.StatusNotFound {
			t.Errorf("%s: answered %v, %d", path, answered, got.Status)
		}
	}
	for _, c := range [][2]string{{http.MethodDelete, "clock"}, {http.MethodGet, "reset"}, {http.MethodHead, "reset"}, {"", "clock"}} {
		r := edge.AsideRequest{Method: c[0], Path: prefix + c[1], Host: "localhost", Remote: local}
		if got, _ := f.aside(t.Context(), &r); got.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", c[0], c[1], got.Status)
		}
	}
}

// TestClock moves time over HTTP, across a deletion and a restart.
func TestClock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, body := range []string{
		"", "{}", "[]", "null", `{"advance":"1h","set":"2099-01-02T15:04:05Z"}`, `{"advance":"-1h"}`, `{"advance":"a while"}`, `{"advance":"d"}`,
		`{"advance":"1.5d"}`, `{"advance":"40000d"}`, `{"set":"tomorrow"}`, `{"set":"2020-01-02T15:04:05Z"}`, `{"set":"9999-01-02T15:04:05Z"}`,
		`{"advance":1}`, `{"back":"1h"}`, `{"advance":"1h"}{}`,
		`{"ADVANCE":"1h"}`, `{"Advance":"1h"}`, `{"advance":"1h","advance":"2h"}`, `{"advance":"1h","\u0061dvance":"1h"}`,
	} {
		if status, answer := f.do(t, http.MethodPost, "/_trent/clock", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	if _, answer := f.do(t, http.MethodGet, "/_trent/clock", ""); answer["ahead"] != "0s" {
		t.Errorf("after requests that were refused: %v", answer)
	}
	id := f.createKey(t)
	f.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 30})
	if got := f.post(t, "/_trent/clock", `{"advance":"29d"}`); got["ahead"] != "696h0m0s" {
		t.Errorf("29 days: %v", got)
	}
	f.must(t, "DescribeKey", object{"KeyId": id})
	set := f.Now().Add(2 * day).UTC().Truncate(time.Second)
	got := f.post(t, "/_trent/clock", `{"set":"`+set.Format(time.RFC3339)+`"}`)
	if now, err := time.Parse(time.RFC3339, got["now"].(string)); err != nil || now.Before(set) || now.After(set.Add(time.Minute)) {
		t.Errorf("set to %v: %v, %v", set, got, err)
	}
	if _, code := f.call(t, "DescribeKey", object{"KeyId": id}); code != "NotFoundException" {
		t.Errorf("DescribeKey: %q", code)
	}
	made := f.must(t, "CreateKey", object{})["KeyMetadata"].(object)["CreationDate"].(float64)
	if at := time.Unix(int64(made), 0); at.Before(set.Add(-time.Second)) {
		t.Errorf("a key is made at %v, after %v", at, set)
	}
	f.restart(t, true)
	if ahead := time.Until(f.Now()); ahead < 30*day || ahead > 32*day {
		t.Errorf("started again, the clock is %v ahead", ahead)
	}
}

// TestClockEndsWithTheService: it does not wait for jobs that cannot run.
func TestClockEndsWithTheService(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.createKey(t)
	pid := f.process.child.Pid()
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil {
			t.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	moved := make(chan error, 1)
	go func() {
		_, err := f.postClock(t.Context(), []byte(`{"advance":"30d"}`))
		moved <- err
	}()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for time.Until(f.Now()) < 29*day {
		select {
		case <-deadline:
			t.Fatal("the clock does not move")
		case <-tick.C:
		}
	}
	f.ending()
	if err := <-moved; !errors.Is(err, context.Canceled) {
		t.Errorf("what waited for the jobs ends with %v", err)
	}
	signal(syscall.SIGCONT)
}

// TestReset: everything is as on a new folder, behind the same address, and
// whoever asks meanwhile waits.
func TestReset(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		f.createKey(t)
	}
	id := f.createKey(t)
	f.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id})
	blob := f.must(t, "Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})["CiphertextBlob"]
	marker := f.must(t, "ListKeys", object{"Limit": 1})["NextMarker"]
	f.post(t, "/_trent/clock", `{"advance":"30d"}`)

	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, code := f.call(t, "DescribeKey", object{"KeyId": id}); code != "" && code != "NotFoundException" {
					t.Errorf("meanwhile: %s", code)
					return
				}
			}
		})
	}
	f.post(t, "/_trent/reset", `{}`)
	close(stop)
	others.Wait()

	if keys := f.must(t, "ListKeys", object{})["Keys"].([]any); len(keys) != 0 {
		t.Errorf("keys %v", keys)
	}
	if _, code := f.call(t, "Encrypt", object{"KeyId": "alias/a", "Plaintext": []byte("x")}); code != "NotFoundException" {
		t.Errorf("an alias of before: %q", code)
	}
	if _, code := f.call(t, "Decrypt", object{"CiphertextBlob": blob}); code != "AccessDeniedException" {
		t.Errorf("a ciphertext of before: %q", code)
	}
	if _, code := f.call(t, "ListKeys", object{"Marker": marker}); code != "InvalidMarkerException" {
		t.Errorf("a marker of before: %q", code)
	}
	if _, answer := f.do(t, http.MethodGet, "/_trent/clock", ""); answer["ahead"] != "0s" {
		t.Errorf("the clock: %v", answer)
	}
	mine := f.createKey(t)
	f.post(t, "/_trent/reset", "")
	f.post(t, "/_trent/reset", "{}")
	if _, code := f.call(t, "DescribeKey", object{"KeyId": mine}); code != "NotFoundException" {
		t.Errorf("after another reset: %q", code)
	}
	for _, body := range []string{`{"keys":true}`, "null", "[]", `{}{}`} {
		if status, answer := f.do(t, http.MethodPost, "/_trent/reset", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	f.createKey(t)
	f.restart(t, false)
	err := filepath.WalkDir(f.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), id) {
			t.Errorf("%s has the id of a key of before", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestResetIsCutOff: what a reset left half done, the next start does.
func TestResetIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.createKey(t)
	f.restart(t, false)
	if err := os.WriteFile(f.resetMark(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.start(t)
	if keys := f.must(t, "ListKeys", object{})["Keys"].([]any); len(keys) != 0 {
		t.Errorf("keys %v", keys)
	}
	id := f.createKey(t)
	f.restart(t, true)
	f.must(t, "DescribeKey", object{"KeyId": id})
}

// TestResetOutlivesItsRequest: the client may go away during a reset.
func TestResetOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.createKey(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.reset(ctx); err != nil {
		t.Fatal(err)
	}
	if _, code := f.call(t, "DescribeKey", object{"KeyId": id}); code != "NotFoundException" {
		t.Errorf("afterwards: %q", code)
	}
}

// TestResetOutlivesOperators: an operator whose connection is open, and says
// nothing, is cut off.
func TestResetOutlivesOperators(t *testing.T) {
	t.Parallel()
	f := &fixture{dir: t.TempDir()}
	f.admin = filepath.Join(f.dir, "admin.sock")
	f.start(t)
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	operator, err := net.Dial("unix", f.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if _, err := operator.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	id := f.createKey(t)
	f.post(t, "/_trent/reset", "{}")
	if _, code := f.call(t, "DescribeKey", object{"KeyId": id}); code != "NotFoundException" {
		t.Errorf("afterwards: %q", code)
	}
	if _, err := io.Copy(io.Discard, operator); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the operator reads %v", err)
	}
}

// TestResetNeedsTheModule: one that was started separately keeps its domains.
func TestResetNeedsTheModule(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Module = nil
	id := f.createKey(t)
	if status, answer := f.do(t, http.MethodPost, "/_trent/reset", "{}"); status != http.StatusConflict {
		t.Errorf("%d %v", status, answer)
	}
	f.must(t, "DescribeKey", object{"KeyId": id})
	f.restart(t, false)
	f.process.Close()
}

// TestResetFails: then there is no service any more, and Listen says why.
func TestResetFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.createKey(t)
	f.process.key = filepath.Join(f.dir, "none", "key")
	if status, answer := f.do(t, http.MethodPost, "/_trent/reset", "{}"); status != http.StatusInternalServerError {
		t.Errorf("%d %v", status, answer)
	}
	if _, code := f.call(t, "ListKeys", object{}); code != "ServiceUnavailableException" {
		t.Errorf("afterwards: %q", code)
	}
	if err := f.stop(); err == nil || !strings.Contains(err.Error(), "reset: crypto module: ") {
		t.Errorf("Listen: %v", err)
	}
	f.stop = func() error { return nil }
}
