package supervisor

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// served is a program that ends when its connection does.
const served = "read line <&3"

func connect(t *testing.T, c *Child, mute bool) io.ReadWriteCloser {
	t.Helper()
	conn, err := c.Connect(t.Context(), mute)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestRestart: an operator restarts a module, a mute one too; nobody else
// restarts a mute one, and after the operator's restart nobody either.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := NewChild(script(t, served), nil, quietLog())
	t.Cleanup(c.Close)
	conn := connect(t, c, false)
	for _, mute := range []bool{false, true} {
		before := c.Pid()
		c.Restart()
		c.Restart() // of a process that ends already
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still there")
		}
		conn = connect(t, c, mute)
		if pid := c.Pid(); pid == before || pid == 0 {
			t.Errorf("mute %v: process %d after %d", mute, pid, before)
		}
		if n, max := c.Restarts(); n != 0 || max != maxRestarts {
			t.Errorf("%d restarts are counted, of %d", n, max)
		}
	}
	conn.Close()
	if _, err := c.Connect(t.Context(), true); !errors.Is(err, ErrMute) {
		t.Errorf("a mute module that nobody has restarted: %v", err)
	}
}

// TestRestartAfterFailures: an operator's restart forgets the failures, and
// what would fail again is tried again.
func TestRestartAfterFailures(t *testing.T) {
	t.Parallel()
	c := NewChild(script(t, served), nil, quietLog())
	t.Cleanup(c.Close)
	connect(t, c, false)
	for range maxRestarts {
		c.restarts.times = append(c.restarts.times, time.Now())
	}
	if n, _ := c.Restarts(); n != maxRestarts {
		t.Errorf("%d restarts", n)
	}
	c.Restart()
	connect(t, c, false)
	if n, _ := c.Restarts(); n != 0 {
		t.Errorf("%d restarts after the operator's", n)
	}
	c.path = script(t, "read line <&3; exit 66") // the key file is refused
	c.Restart()
	connect(t, c, false).Close()
	if _, err := c.Connect(t.Context(), false); !errors.Is(err, ErrPermanent) {
		t.Errorf("by itself: %v", err)
	}
}

// TestRestartDoesNotWait: between two processes there is none to end, and an
// operator does not wait for the delay.
func TestRestartDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewChild("/nonexistent", nil, quietLog())
		c.Restart() // stays without effect: nobody waits yet
		for _, hurry := range []bool{false, true} {
			start := time.Now()
			waited := make(chan time.Duration)
			go func() {
				if err := c.delay(t.Context()); err != nil {
					t.Error(err)
				}
				waited <- time.Since(start)
			}()
			synctest.Wait()
			if hurry {
				c.Restart()
			}
			if got := <-waited; (got == 0) != hurry {
				t.Errorf("hurry %v: waited %v", hurry, got)
			}
			if n, _ := c.Restarts(); (n == 0) != hurry {
				t.Errorf("hurry %v: %d restarts are counted", hurry, n)
			}
		}
	})
}
