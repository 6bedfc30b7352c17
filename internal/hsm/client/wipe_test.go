package client

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"

	"trent/internal/hsm/proto"
)

// watched is a connection that keeps the memory that it is handed, to look at
// it when the next read begins.
type watched struct {
	t       *testing.T
	reads   chan []byte
	buffer  []byte // the first read's: whole
	written chan []byte
	half    atomic.Bool // what is there belongs to an answer that did not come whole
}

func (w *watched) Read(b []byte) (int, error) {
	if w.buffer == nil {
		w.buffer = b
	}
	if !w.half.Load() && !bytes.Equal(w.buffer, make([]byte, len(w.buffer))) {
		w.t.Error("an answer is there still when the next is read")
	}
	answer, ok := <-w.reads
	if !ok {
		return 0, io.EOF
	}
	return copy(b, answer), nil
}

func (w *watched) Write(b []byte) (int, error) {
	w.written <- b
	return len(b), nil
}

func (w *watched) Close() error { return nil }

// TestRequestsAndAnswersAreWiped: what was sent is gone from the link's memory
// once it was written, and an answer once it was delivered.
func TestRequestsAndAnswersAreWiped(t *testing.T) {
	t.Parallel()
	w := &watched{t: t, reads: make(chan []byte, 1), written: make(chan []byte, 1)}
	l := newLink(New(slog.New(slog.DiscardHandler)), w)
	ended := make(chan error, 1)
	go func() { ended <- l.read() }()
	for range 3 {
		c := l.client.Start(proto.CmdEncrypt)
		c.Frame = append(c.Frame, "a plaintext"...)
		if !proto.EndFrame(c.Frame) || !l.send(c) {
			t.Fatal("not sent")
		}
		if out := <-w.written; !bytes.Equal(out, make([]byte, len(out))) {
			t.Errorf("%q is there still when it was written", out)
		}
		answer := append(proto.AppendHeader(nil, c.id, uint8(proto.StatusOK)), "a data key"...)
		proto.EndFrame(answer)
		w.reads <- answer
		<-c.answered
		c.Done()
	}
	// Half an answer, and the end.
	w.half.Store(true)
	w.reads <- bytes.Repeat([]byte{0, 0, 0, 9}, 2)
	close(w.reads)
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if !bytes.Equal(w.buffer, make([]byte, len(w.buffer))) {
		t.Error("an answer is there still at the end")
	}
}
