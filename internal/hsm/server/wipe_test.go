package server

import (
	"bytes"
	"io"
	"log/slog"
	"testing"

	"trent/internal/hsm/proto"
)

// watched is a connection that gives one read after the other and keeps the
// memory that it was handed, to look at it later.
type watched struct {
	t       *testing.T
	reads   [][]byte
	next    int
	buffer  []byte   // the first read's: whole
	written [][]byte // the writes' memory
}

func (w *watched) Read(b []byte) (int, error) {
	if w.buffer == nil {
		w.buffer = b
	}
	w.check("when the next is read")
	if w.next == len(w.reads) {
		return 0, io.EOF
	}
	n := copy(b, w.reads[w.next])
	w.next++
	return n, nil
}

func (w *watched) Write(b []byte) (int, error) {
	w.written = append(w.written, b)
	return len(b), nil
}

func (w *watched) Close() error { return nil }

func (w *watched) check(when string) {
	w.t.Helper()
	if i := bytes.IndexFunc(w.buffer, func(r rune) bool { return r != 0 }); i >= 0 {
		w.t.Errorf("%s, byte %d of a request is there still", when, i)
	}
	for _, b := range w.written {
		if !bytes.Equal(b, make([]byte, len(b))) {
			w.t.Errorf("%s, an answer is there still", when)
		}
	}
}

// TestRequestsAndAnswersAreWiped: what was carried out is gone from the
// connection's memory before the next is waited for.
func TestRequestsAndAnswersAreWiped(t *testing.T) {
	t.Parallel()
	s := New(&scripted{}, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	w := &watched{t: t, reads: [][]byte{request(1, proto.CmdHello, hello()), random(2), append(random(3), random(4)...)}}
	if err := s.ServeConn(w); err != nil {
		t.Error(err)
	}
	if len(w.written) != 3 {
		t.Errorf("%d writes", len(w.written))
	}
	w.check("at the end")
}

// TestHalfARequestIsWiped: one that has not come whole when the connection
// ends.
func TestHalfARequestIsWiped(t *testing.T) {
	t.Parallel()
	s := New(&scripted{}, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	half := append(request(1, proto.CmdHello, hello()), random(2)[:10]...)
	w := &watched{t: t, reads: [][]byte{half}}
	ended := &endsAfter{w}
	if err := s.ServeConn(ended); err != nil {
		t.Error(err)
	}
	w.check("at the end")
}

// endsAfter is a watched connection that is looked at by its owner only.
type endsAfter struct{ *watched }

func (e *endsAfter) Read(b []byte) (int, error) {
	if e.buffer == nil {
		e.buffer = b
	}
	if e.next == len(e.reads) {
		return 0, io.EOF
	}
	e.next++
	return copy(b, e.reads[e.next-1]), nil
}
