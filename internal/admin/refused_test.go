package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestStrangersDoNotFillTheLog: connections of a user who is not let in have a
// line a second, which counts them.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := Listen(path, nil, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64 // nanoseconds
	l.uids = nil           // nobody is let in
	l.now = func() time.Time { return time.Unix(1_700_000_000, later.Load()) }
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	knock := func(times int) {
		for range times {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
				t.Fatalf("not closed: %v", err)
			}
			c.Close()
		}
	}
	knock(100)
	later.Store(int64(refusalEvery))
	knock(2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-accepted
	var counts []int
	for lines := json.NewDecoder(&log); ; {
		var line struct{ Connections int }
		if err := lines.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, line.Connections)
	}
	if len(counts) != 2 || counts[0] != 1 || counts[1] != 100 {
		t.Errorf("102 connections in two seconds are logged as %v, want [1 100]", counts)
	}
}
