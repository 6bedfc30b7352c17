package supervisor

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRestartsAreBounded(t *testing.T) {
	t.Parallel()
	var r restarts
	now := time.Unix(1_800_000_000, 0)
	for i, want := range []time.Duration{100, 200, 400, 800, 1600} {
		delay, ok := r.next(now.Add(time.Duration(i) * time.Minute))
		if !ok || delay != want*time.Millisecond {
			t.Errorf("restart %d: %v, %v", i+1, delay, ok)
		}
	}
	if _, ok := r.next(now.Add(restartWindow - 1)); ok {
		t.Error("a sixth restart within ten minutes")
	}
	// The first has left the window.
	if delay, ok := r.next(now.Add(restartWindow)); !ok || delay != 1600*time.Millisecond {
		t.Errorf("after ten minutes: %v, %v", delay, ok)
	}
	if _, ok := r.next(now.Add(restartWindow)); ok {
		t.Error("two after ten minutes")
	}
}

// TestKilledAgainAndAgain: a module that dies as often as it is started is
// started again for ever if that is seldom, and else five times in ten minutes.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	program := script(t, "exit 1")
	for _, row := range []struct {
		every  time.Duration
		starts int // that must succeed
		refuse bool
	}{
		{every: 0, starts: 6, refuse: true},
		{every: 100 * time.Second, starts: 6, refuse: true},
		{every: 121 * time.Second, starts: 60, refuse: false},
		{every: 150 * time.Second, starts: 60, refuse: false},
	} {
		t.Run(row.every.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := NewChild(program, nil, quietLog())
				defer c.Close()
				for n := range row.starts {
					if _, err := c.Connect(t.Context(), false); err != nil {
						t.Fatalf("start %d: %v", n+1, err)
					}
					<-c.process.ended
					time.Sleep(row.every)
				}
				if !row.refuse {
					return
				}
				if _, err := c.Connect(t.Context(), false); !errors.Is(err, ErrTooManyRestarts) {
					t.Errorf("the sixth start again: %v", err)
				}
			})
		})
	}
}

func TestLinesBecomeRecords(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := &lines{log: slog.New(slog.NewTextHandler(&out, nil))}
	for _, piece := range []string{`{"time":"x","level":"WARN","msg":"odd`, ` thing","n":3}` + "\nfatal error: ", "all gone\n\n", strings.Repeat("x", 3*maxLine), "\n"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
	}
	got := out.String()
	for _, want := range []string{`level=WARN msg="odd thing" from=trent-hsm n=3`, `line="fatal error: all gone"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if n := strings.Count(got, "x"); n > maxLine+10 {
		t.Errorf("a line of %d bytes was kept", n)
	}
}
