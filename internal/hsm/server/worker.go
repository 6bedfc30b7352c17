package server

import (
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/proto"
)

// How long an answer of a lane may be kept back for others to go with it, and how
// many go: waking the peer for each would cost more than a signature on a curve.
const (
	lateHold  = 200 * time.Microsecond
	lateBatch = 8 // answers
)

// worker carries out the jobs of a lane, one after the other, in memory of its
// own: the next job's answer stands behind the last one's until they leave.
type worker struct {
	server   *Server
	lane     *lane
	requests requests
	took     map[kind]time.Duration // the last job of each kind
	conn     *conn                  // whose answers are in out
	out      []byte
	frames   uint64    // in out
	since    time.Time // when the first of them was ready
}

func newWorker(s *Server, l *lane) *worker {
	return &worker{server: s, lane: l, took: make(map[kind]time.Duration), out: make([]byte, 0, writeBuffer)}
}

// run works until the lane is closed. Answers leave at once if nothing is left to
// do. Whoever has sent a job is about to send the next: he gets the processor
// before the worker falls asleep, as in ReadBusy.
func (w *worker) run() {
	for {
		j, ok := w.lane.take()
		if !ok {
			w.flush()
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			if j, ok = w.lane.wait(); !ok {
				return
			}
		}
		begin := time.Now()
		if w.frames > 0 && (j.conn != w.conn || begin.Sub(w.since)+w.expected(j.kind) > lateHold) {
			w.flush()
		}
		w.do(j)
		w.took[j.kind] = time.Since(begin)
		if w.frames >= lateBatch || len(w.out) >= flushAt {
			w.flush()
		}
	}
}

// expected is how long a job of a kind takes: as long as the last one, and too
// long before there was one.
func (w *worker) expected(k kind) time.Duration {
	if d, ok := w.took[k]; ok {
		return d
	}
	return lateHold + 1
}

// do carries out a job. What would take seconds goes on to the making lane, in
// the same turn: nothing else waits for it.
func (w *worker) do(j job) {
	making := w.server.making
	run, tries := j.row.run, j.row.ready != nil && w.lane != making
	if tries {
		run = j.row.ready
	}
	out, status := appendAnswer(w.out, w.server.engine, &w.requests, run, j.frame)
	if tries && status == proto.StatusBusy && making.put(j) {
		return
	}
	if w.frames == 0 {
		w.since = time.Now()
	}
	w.out, w.conn, w.frames = out, j.conn, w.frames+1
	j.conn.late.Add(1)
	w.lane.release(j.frame.Message)
}

// flush sends the answers, and wipes them.
func (w *worker) flush() {
	if w.frames == 0 {
		return
	}
	w.conn.send(w.out, w.frames)
	clear(w.out)
	w.conn, w.out, w.frames = nil, w.out[:0], 0
}

// tryWriter is a connection that can be written to without waiting for the peer.
type tryWriter interface {
	// TryWrite writes what there is room for.
	TryWrite(b []byte) (int, error)
}

// send writes n answers of a lane. What the peer has no room for is written by a
// goroutine: a peer that does not read keeps its answers waiting, not the lane.
// If the connection is gone nobody waits for them.
func (c *conn) send(answers []byte, n uint64) {
	ours := c.mu.TryLock()
	if t, ok := c.rw.(tryWriter); ours && ok {
		written, err := t.TryWrite(answers)
		if answers = answers[written:]; err != nil || len(answers) == 0 {
			c.wrote(n)
			c.mu.Unlock()
			return
		}
	}
	rest := append([]byte(nil), answers...)
	go func() {
		if !ours {
			c.mu.Lock()
		}
		defer c.mu.Unlock()
		_, _ = c.rw.Write(rest)
		clear(rest)
		c.wrote(n)
	}()
}

// wrote counts answers of a lane that have left.
func (c *conn) wrote(n uint64) {
	c.server.counters.framesWritten.Add(n)
	c.server.counters.writes.Add(1)
	c.late.Add(-int32(n))
}
