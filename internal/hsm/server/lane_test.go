package server

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"trent/internal/hsm/proto"
)

// TestPeerThatDoesNotRead sends slow commands and reads no answer: others are
// served all the same, and it has laneDepth answers waiting at most.
func TestPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	done := make(chan struct{}, 4*laneDepth)
	asked := make(chan struct{}, 1)
	s := New(&scripted{load: func() { done <- struct{}{} }, random: func([]byte) { asked <- struct{}{} }}, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	connect := func() net.Conn {
		theirs, ours := net.Pipe() // a write lasts until it is read
		go func() { _ = s.ServeConn(theirs) }()
		t.Cleanup(func() { ours.Close() })
		if _, err := ours.Write(request(1, proto.CmdHello, hello())); err != nil {
			t.Fatal(err)
		}
		answers(t, ours, 1)
		return ours
	}
	load := (&proto.LoadDomainRequest{Token: []byte{1}}).Append(nil)
	silent := connect()
	for id := range uint64(laneDepth) {
		if _, err := silent.Write(request(1000+id, proto.CmdLoadDomain, load)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, done)
	}
	other := connect()
	if _, err := other.Write(request(2, proto.CmdLoadDomain, load)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, done)
	if got := answers(t, other, 1)[2]; status(got) != proto.StatusOK {
		t.Errorf("the other peer: %v", status(got))
	}
	// One more is refused: it has as many waiting as it may.
	if _, err := silent.Write(append(request(99, proto.CmdLoadDomain, load), random(100)...)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, asked) // and so the one before was decided about
	got := answers(t, silent, laneDepth+2)
	if status(got[99]) != proto.StatusBusy {
		t.Errorf("one more: %v", status(got[99]))
	}
	for id := range uint64(laneDepth) {
		if status(got[1000+id]) != proto.StatusOK {
			t.Errorf("request %d: %v", 1000+id, status(got[1000+id]))
		}
	}
}

// waitFor takes one of done. A lane that stands still fails the test.
func waitFor(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the lane stands still")
	}
}
