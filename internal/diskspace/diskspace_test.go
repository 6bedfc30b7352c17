package diskspace

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

const gib = 1 << 30

// watched is a Watch over one volume of 100 GiB whose free space a test sets.
func watched(free *uint64, log *bytes.Buffer) *Watch {
	return &Watch{
		Volumes: []Volume{{"audit", "/audit"}}, WarnPercent: 10, WarnBefore: time.Hour, Log: slog.New(slog.NewTextHandler(log, nil)),
		statfs: func(string) (Space, error) { return Space{Free: *free, Total: 100 * gib}, nil },
	}
}

// TestLow: a volume is low with little free, or if it soon will be, and the log
// says so once an hour, and when there is room again.
func TestLow(t *testing.T) {
	t.Parallel()
	free, now := uint64(11*gib), time.Unix(1e9, 0)
	var log bytes.Buffer
	w := watched(&free, &log)
	look := func(want bool, warnings int) {
		t.Helper()
		w.Look(now)
		if got := w.Known()[0]; got.Low != want || got.Free != free || got.Total != 100*gib {
			t.Errorf("%+v, want low %v", got, want)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != warnings {
			t.Errorf("%d warnings, want %d: %s", n, warnings, log.String())
		}
	}
	look(false, 0)
	free = 10*gib - 1
	now = now.Add(every)
	look(true, 1)
	now = now.Add(every)
	look(true, 1)
	now = now.Add(remind)
	look(true, 2)
	free = 20 * gib
	now = now.Add(every)
	look(false, 2)
	if !strings.Contains(log.String(), "has room again") {
		t.Error(log.String())
	}
}

// TestRate: the time until a volume is full is that of the last quarter of an hour.
func TestRate(t *testing.T) {
	t.Parallel()
	free, now := uint64(90*gib), time.Unix(1e9, 0)
	var log bytes.Buffer
	w := watched(&free, &log)
	step := func(times int, taken int64) Status {
		for range times {
			w.Look(now)
			now = now.Add(every)
			free = uint64(int64(free) - taken)
		}
		return w.Known()[0]
	}
	if s := step(100, 0); s.Full != 0 || s.Low {
		t.Errorf("nothing is written: %+v", s)
	}
	// 10 MiB each ten seconds, of nearly 90 GiB.
	if s := step(200, 10<<20); s.Full < 24*time.Hour || s.Full > 26*time.Hour || s.Low {
		t.Errorf("a steady load: %v, low %v", s.Full, s.Low)
	}
	// A thousand MiB each ten seconds: full in a quarter of an hour.
	if s := step(30, 1000<<20); s.Full <= 0 || s.Full >= time.Hour || !s.Low || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("a burst: %v, low %v: %s", s.Full, s.Low, log.String())
	}
	if s := step(200, -1<<20); s.Full != 0 || s.Low {
		t.Errorf("room is made: %+v", s)
	}
}

// TestUnknown: what a file system does not say is not known, and hides nothing else.
func TestUnknown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := &Watch{
		Volumes: []Volume{{"store", "/gone"}, {"audit", t.TempDir()}}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		statfs: func(path string) (Space, error) {
			if path == "/gone" {
				return Space{}, errors.New("gone")
			}
			return statfs(path)
		},
	}
	w.Look(time.Now())
	if all := w.Known(); len(all) != 1 || all[0].Name != "audit" || all[0].Total == 0 || all[0].Free > all[0].Total {
		t.Errorf("%+v", all)
	}
	if !strings.Contains(log.String(), "volume=store") {
		t.Error(log.String())
	}
}
