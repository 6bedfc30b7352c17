package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"trent/internal/admin"
)

var update = flag.Bool("update", false, "write the expected pictures anew")

// busyTop is a picture of a busy service.
func busyTop() *admin.Top {
	ago := int64(201)
	t := &admin.Top{
		Time: time.Date(2026, 11, 23, 8, 0, 1, 0, time.UTC), Milliseconds: 1000, State: "ready", InFlight: 14, Connections: 64,
		All: admin.TopCalls{Calls: 18450, Failed: 37, P50: 420, P99: 3100, Max: 48000},
		Operations: []admin.TopCalls{
			{Operation: "Decrypt", Calls: 12000, P50: 400, P99: 2800, Max: 9100},
			{Operation: "GenerateDataKey", Calls: 6400, P50: 430, P99: 3100, Max: 48000},
			{Operation: "Sign", Calls: 36, Failed: 36, P50: 90, P99: 210, Max: 210},
			{Operation: "sts:AssumeRole", Calls: 14, Failed: 1, P50: 640, P99: 1200, Max: 1_200_000},
		},
		Errors:     []admin.TopCount{{Name: "AccessDeniedException", Calls: 36}, {Name: "ThrottlingException", Calls: 1}},
		Principals: []admin.TopCount{{Name: "arn:aws:sts::111122223333:assumed-role/ward/\x1b[2Jnight", Calls: 18000}, {Name: "arn:aws:iam::111122223333:user/clerk", Calls: 450}},
		Audit:      admin.TopAudit{Sequence: 1234567, Records: 18449, Queued: 12, Unsigned: 3_600_000, DigestSeconds: &ago},
		Module:     admin.TopModule{State: "ready", Fast: 11, Slow: 2},
	}
	for i := range 30 {
		t.Keys = append(t.Keys, admin.TopCount{Name: fmt.Sprintf("arn:aws:kms:eu-west-1:111122223333:key/%08d-12ab-34cd-56ef-1234567890ab", i), Calls: uint64(9000 >> i)})
	}
	return t
}

// TestTopScreen: the pictures for terminals of several sizes.
func TestTopScreen(t *testing.T) {
	t.Parallel()
	sick := busyTop()
	sick.State, sick.Module.State, sick.Audit.Error, sick.Audit.DigestSeconds = "unavailable", "restarting", "no space left on device", nil
	idle := &admin.Top{Time: time.Date(2026, 11, 23, 8, 0, 1, 0, time.UTC), Milliseconds: 2000, State: "ready", Module: admin.TopModule{State: "ready"}}
	var got strings.Builder
	for _, c := range []struct {
		name string
		s    screen
	}{
		{"100x30", screen{top: busyTop(), width: 100, height: 30, keys: true}},
		{"60x16", screen{top: busyTop(), width: 60, height: 16, keys: true}},
		{"20x5", screen{top: busyTop(), width: 20, height: 5, keys: true}},
		{"80, no terminal, 2 rows", screen{top: busyTop(), width: 80, limit: 2}},
		{"80x12, sick, in colour", screen{top: sick, width: 80, height: 12, colour: true}},
		{"80x24, idle", screen{top: idle, width: 80, height: 24}},
		{"80x24, before the first", screen{width: 80, height: 24}},
	} {
		fmt.Fprintf(&got, "== %s\n%s\n", c.name, strings.ReplaceAll(strings.Join(c.s.lines(), "\n"), "\x1b", "␛"))
	}
	file := filepath.Join("testdata", "top.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != got.String() {
		t.Errorf("%v; the pictures are:\n%s", err, got.String())
	}
}

// TestTopFits: whatever size a terminal has, no picture is larger, and none has
// anything that a terminal obeys.
func TestTopFits(t *testing.T) {
	t.Parallel()
	for width := range 140 {
		for height := 1; height < 60; height += 7 {
			s := screen{top: busyTop(), width: width, height: height, keys: true}
			lines := s.lines()
			if len(lines) > height {
				t.Fatalf("%dx%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > width || strings.ContainsAny(line, "\x1b\r\n\t") {
					t.Fatalf("%dx%d: %d characters: %q", width, height, n, line)
				}
			}
		}
	}
}

// TestQuitter: which keys end it.
func TestQuitter(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{"q": true, "xyzQ": true, "\x03": true, "\x04": true, "\x1b": true, "\x1b[A": false, "hello": false} {
		stopped := false
		quitter(&typed{keys}, func() { stopped = true })
		if !stopped {
			t.Errorf("%q: it goes on when nothing can be read any more", keys)
		}
		left := &typed{keys}
		ended := 0
		quitter(&endless{left, &ended}, func() {})
		if got := ended == 0; got != want {
			t.Errorf("%q ends it: %v, not %v", keys, got, want)
		}
	}
}

// typed is a keyboard with some keys, and an end.
type typed struct{ keys string }

func (k *typed) Read(b []byte) (int, error) {
	n := copy(b, k.keys)
	k.keys = k.keys[n:]
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// endless counts how often its end was met.
type endless struct {
	keys  *typed
	ended *int
}

func (e *endless) Read(b []byte) (int, error) {
	n, err := e.keys.Read(b)
	if err != nil {
		*e.ended++
	}
	return n, err
}
