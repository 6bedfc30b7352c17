package obs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// jsonLines is the handler of a log in JSON.
func jsonLines(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// gate is a reader that reads nothing until it is opened.
type gate struct {
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.got.Write(b)
}

// TestNobodyWaitsForASlowReader: while nothing is read every Write returns,
// what is over the bound is dropped and counted, and once the reader goes on
// every line is there or counted, in order, none in part.
func TestNobodyWaitsForASlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := NewLines(g, jsonLines)
		line := func(i int) string { return fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 1000)) }
		const n = 4 * maxWaiting / 1000 // a half at most is taken: what waits, and what is being written
		start := time.Now()
		for i := range n {
			if _, err := l.Write([]byte(line(i))); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("the writers have waited %v", time.Since(start))
		}
		dropped := l.Dropped()
		if dropped < n/4 {
			t.Errorf("%d of %d lines are dropped", dropped, n)
		}
		close(g.open)
		time.Sleep(time.Second) // all that waited is written
		l.Write([]byte("the last\n"))
		l.Close()
		lines := strings.SplitAfter(g.got.String(), "\n")
		next := 0
		for lines[next] == line(next) {
			next++
		}
		rest := lines[next:]
		if next+int(dropped) != n || len(rest) != 3 || rest[1] != "the last\n" {
			t.Fatalf("%d lines, %d dropped, and then %.200q", next, dropped, rest)
		}
		var gap struct {
			Level, Msg string
			Lines      uint64
		}
		if err := json.Unmarshal([]byte(rest[0]), &gap); err != nil || gap.Level != "WARN" || gap.Lines != dropped || !strings.Contains(gap.Msg, "dropped") {
			t.Errorf("for %d lines there is %q: %v", dropped, rest[0], err)
		}
	})
}

// TestCloseWritesWhatWaits, but not for ever.
func TestCloseWritesWhatWaits(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := NewLines(&b, jsonLines)
	l.Write([]byte("a line\n"))
	l.Close()
	if b.String() != "a line\n" {
		t.Errorf("%q", b.String())
	}
	if l.Write([]byte("late\n")); l.Dropped() != 1 {
		t.Errorf("%d dropped after Close, want 1", l.Dropped())
	}
	l.Close() // again is no fault

	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := NewLines(g, jsonLines)
		defer func() { close(g.open); <-l.ended }()
		l.Write([]byte("a line\n"))
		synctest.Wait() // it hangs in the write
		start := time.Now()
		l.Close()
		if waited := time.Since(start); waited != closeTimeout {
			t.Errorf("Close waited %v", waited)
		}
	})
}

// TestReaderThatIsGone: its lines are counted, and no writer fails.
func TestReaderThatIsGone(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	r.CloseWithError(errors.New("gone"))
	l := NewLines(w, jsonLines)
	if _, err := l.Write([]byte("a line\n")); err != nil {
		t.Error(err)
	}
	l.Close()
	if l.Dropped() == 0 {
		t.Error("nothing is counted")
	}
}
