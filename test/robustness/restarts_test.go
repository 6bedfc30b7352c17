package robustness

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/test/harness"
)

// TestSixthRestartIsRefused kills the crypto module again and again. The
// service starts it five times within ten minutes; at the next kill it says so
// and ends with status 1, for whoever watches it. Nothing is lost by that.
func TestSixthRestartIsRefused(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	key, _ := s.CreateKey(t, harness.Default)
	var p promises
	seen := map[int]bool{}
	const restarts = 5
	for n := range restarts + 1 {
		if err := encrypt(s.Client(harness.Default), &p, key); err != nil {
			t.Fatalf("after %d restarts: %v", n, err)
		}
		module := s.Module()
		if module == 0 || seen[module] {
			t.Fatalf("after %d restarts the module is process %d", n, module)
		}
		seen[module] = true
		if err := syscall.Kill(module, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if n == restarts {
			break
		}
		if !harness.Eventually(time.Minute, func() bool {
			res := s.Do(t, harness.Request{Operation: "GenerateRandom", Body: `{"NumberOfBytes":1}`})
			if res.Status != http.StatusOK && (res.Status != http.StatusServiceUnavailable || res.Type != "ServiceUnavailableException") {
				t.Errorf("while the module is away: %d %s", res.Status, res.Body)
			}
			return res.Status == http.StatusOK && s.Module() != module
		}) {
			t.Fatalf("the module does not come back after kill %d", n+1)
		}
	}
	if code := s.Ended(); code != 1 {
		t.Errorf("the service ends with status %d, want 1", code)
	}
	lines := strings.Split(strings.TrimSpace(string(s.Output())), "\n")
	const why = "crypto module failed and was started again 5 times within 10m0s; it stays down"
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "trent: ") || !strings.HasSuffix(last, why) {
		t.Errorf("its last line is %q", last)
	}
	if !strings.Contains(strings.Join(lines, "\n"), `gone for good" error="crypto module: `+why) {
		t.Errorf("its log does not say so")
	}
	s.Restart()
	kept(t, s, &p)
}
