package server

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/hsm/proto"
)

// peer is the other end of a connection: it has room for so many bytes, and takes
// what is written with Write once it reads. It keeps what it takes, and remembers
// the memory.
type peer struct {
	io.ReadWriteCloser
	room   int
	reads  chan struct{} // closed when it does
	writes chan []byte   // what Write has written

	tried, memory [][]byte
}

func (p *peer) TryWrite(b []byte) (int, error) {
	n := min(len(b), p.room)
	p.room -= n
	p.tried = append(p.tried, bytes.Clone(b[:n]))
	p.memory = append(p.memory, b)
	return n, nil
}

func (p *peer) Write(b []byte) (int, error) {
	<-p.reads
	p.memory = append(p.memory, b)
	p.writes <- bytes.Clone(b)
	return len(b), nil
}

// ids are those of the answers in b, in their order.
func ids(t *testing.T, b []byte) (all []uint64) {
	t.Helper()
	for len(b) > 0 {
		f, rest, ok, err := proto.Next(b)
		if !ok || err != nil {
			t.Fatalf("%x is no answer", b)
		}
		all, b = append(all, f.ID), rest
	}
	return all
}

// sent are a connection and the kind of a job that it sends.
type sent struct {
	conn *conn
	kind uint16
}

// work has a worker do those jobs, whose ids count from 0, and answer them.
func work(t *testing.T, takes time.Duration, jobs []sent) *worker {
	done := make(chan struct{}, len(jobs))
	e := &scripted{sign: func(bool) { time.Sleep(takes); done <- struct{}{} }}
	s := &Server{engine: e, log: slog.New(slog.DiscardHandler), lane: newLane(laneDepth)}
	w := newWorker(s, s.lane)
	for i, j := range jobs {
		j.conn.server = s
		f, _, _, _ := proto.Next(sign(uint64(i), "a", true))
		j.conn.queue(job{account: "a", conn: j.conn, row: &commands[proto.CmdSign], kind: kind{proto.CmdSign, j.kind}, frame: f})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run()
	}()
	for range jobs {
		waitFor(t, done)
	}
	w.lane.close()
	waitFor(t, ended)
	return w
}

// TestAnswersGoTogether: answers wait for those behind them until nothing more is
// to be done, lateBatch of them have gathered, or the next would make the first
// wait for longer than lateHold. Then they and their requests are wiped.
func TestAnswersGoTogether(t *testing.T) {
	t.Parallel()
	one, other := &conn{rw: &peer{room: 1 << 20}}, &conn{rw: &peer{room: 1 << 20}}
	for _, c := range []struct {
		name  string
		takes time.Duration
		jobs  []sent
		want  []int // answers in each write to one
	}{
		{"no time", 0, slices.Repeat([]sent{{one, 1}}, 20), []int{8, 8, 4}},
		{"a quarter", lateHold / 4, slices.Repeat([]sent{{one, 1}}, 20), []int{5, 5, 5, 5}},
		{"half", lateHold / 2, slices.Repeat([]sent{{one, 1}}, 8), []int{3, 3, 2}},
		{"just", lateHold, slices.Repeat([]sent{{one, 1}}, 4), []int{2, 2}},
		{"too long", lateHold + 1, slices.Repeat([]sent{{one, 1}}, 3), []int{1, 1, 1}},
		{"unknown", 0, []sent{{one, 1}, {one, 1}, {one, 2}, {one, 2}, {one, 1}}, []int{2, 3}},
		{"of two", 0, []sent{{one, 1}, {one, 1}, {other, 1}, {one, 1}}, []int{2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := one.rw.(*peer)
				p.tried, p.memory = nil, nil
				w := work(t, c.takes, c.jobs)
				var got []int
				for _, b := range p.tried {
					got = append(got, len(ids(t, b)))
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("answers in each write: %d, want %d", got, c.want)
				}
				if len(w.lane.spare) != len(c.jobs) {
					t.Errorf("%d messages of %d jobs are released", len(w.lane.spare), len(c.jobs))
				}
				for _, b := range slices.Concat(p.memory, w.lane.spare) {
					if b = b[:cap(b)]; !bytes.Equal(b, make([]byte, len(b))) {
						t.Error("an answer or a message is there still")
					}
				}
			})
		})
	}
	if late := one.late.Load() + other.late.Load(); late != 0 {
		t.Errorf("%d answers count as not written", late)
	}
}

// TestPeerWithoutRoom has a worker answer one that has room for half an answer:
// the rest follows, before everything else, once he reads; another's do not wait.
func TestPeerWithoutRoom(t *testing.T) {
	t.Parallel()
	const jobs, half = 30, 9
	p, q := &peer{room: half, reads: make(chan struct{}), writes: make(chan []byte, jobs)}, &peer{room: 1 << 20}
	full, other := &conn{rw: p}, &conn{rw: q}
	work(t, 0, append(slices.Repeat([]sent{{full, 1}}, jobs), sent{other, 1}))
	if len(q.tried) != 1 {
		t.Error("the other waits for the one who does not read")
	}
	if n := full.late.Load(); n != jobs {
		t.Errorf("%d answers wait to be written", n)
	}
	close(p.reads)
	answers := p.tried[0]
	for size := jobs * (proto.HeaderSize + 1); len(answers) < size; { // each answer is a byte
		answers = append(answers, waitFor(t, p.writes)...)
	}
	got := ids(t, answers)
	slices.Sort(got)
	for i := range got {
		if len(got) != jobs || got[i] != uint64(i) {
			t.Fatalf("answers to %d", got)
		}
	}
	full.mu.Lock() // the last one's writer has ended
	defer full.mu.Unlock()
	if n := full.late.Load(); n != 0 {
		t.Errorf("%d answers count as not written", n)
	}
	for _, b := range p.memory {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Error("an answer is there still")
		}
	}
}
