package client

import (
	"io"
	"runtime"
	"sync"
	"time"

	"trent/internal/hsm/proto"
)

// readBuffer holds the answers of one read: at least one frame of any size.
const readBuffer = 128 << 10

// link is one connection. A call appends its request to out; the first one
// that finds nobody flushing flushes for all. A reader goroutine hands the
// answers out.
type link struct {
	client *Client
	conn   io.ReadWriteCloser

	mu       sync.Mutex
	pending  map[uint64]*Call // sent, not answered
	lastID   uint64
	out      []byte // frames that wait to be written
	frames   uint64 // in out
	spare    []byte // the buffer that was written last, wiped
	flushing bool   // somebody will write out
	lost     error

	gone chan struct{} // closed when lost
}

func newLink(c *Client, conn io.ReadWriteCloser) *link {
	return &link{client: c, conn: conn, pending: make(map[uint64]*Call), gone: make(chan struct{})}
}

// send queues the call's request and, if nobody else does, writes. It reports
// false if the connection is lost; else exactly one answer or failure follows.
func (l *link) send(c *Call) bool {
	l.mu.Lock()
	if l.lost != nil {
		l.mu.Unlock()
		return false
	}
	l.lastID++
	c.id = l.lastID
	proto.SetID(c.Frame, c.id)
	l.pending[c.id] = c
	l.queue(c.Frame)
	lead, company := !l.flushing, len(l.pending) > 1
	l.flushing = true
	l.mu.Unlock()
	if lead {
		if company {
			// Whoever can run now gets to append before the write. Alone,
			// there is nobody to wait for.
			runtime.Gosched()
		}
		l.flush(c)
	}
	return true
}

// queue puts a frame behind what waits to be written. Memory that has become
// too small holds others' plaintexts, and is wiped. The mutex is held.
func (l *link) queue(frame []byte) {
	if len(l.out)+len(frame) > cap(l.out) {
		bigger := make([]byte, len(l.out), max(2*cap(l.out), len(l.out)+len(frame), 4<<10))
		copy(bigger, l.out)
		clear(l.out)
		l.out = bigger
	}
	l.out = append(l.out, frame...)
	l.frames++
}

// flush writes until nothing is left. Once c has its answer, and so something
// better to do, another goroutine goes on; c is nil in that one.
func (l *link) flush(c *Call) {
	for {
		l.mu.Lock()
		if len(l.out) == 0 || l.lost != nil {
			l.flushing = false
			l.mu.Unlock()
			return
		}
		if c != nil && len(c.answered) > 0 {
			l.mu.Unlock()
			go l.flush(nil)
			return
		}
		out := l.out
		l.client.counters.framesWritten.Add(l.frames)
		l.out, l.spare, l.frames = l.spare[:0], nil, 0
		l.mu.Unlock()

		l.client.counters.writes.Add(1)
		_, err := l.conn.Write(out)
		clear(out)
		if err != nil {
			l.lose(err)
		}
		if cap(out) <= readBuffer {
			l.mu.Lock()
			l.spare = out
			l.mu.Unlock()
		}
	}
}

// abandon gives up the wait for an answer. It reports false if the answer or
// failure has been taken up already and is about to arrive.
func (l *link) abandon(c *Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[c.id] != c {
		return false
	}
	delete(l.pending, c.id)
	return true
}

// read hands out answers until the connection fails, and returns why.
func (l *link) read() error {
	buffer := make([]byte, readBuffer)
	var batch []delivery
	filled := 0
	for {
		n, err := l.conn.Read(buffer[filled:])
		if err != nil {
			clear(buffer)
			return err
		}
		filled += n
		l.client.counters.reads.Add(1)
		used, err := l.dispatch(buffer[:filled], &batch)
		rest := copy(buffer, buffer[used:filled])
		clear(buffer[rest:filled])
		filled = rest
		if err != nil {
			clear(buffer)
			return err
		}
	}
}

// delivery is an answer and the call it belongs to, nil if abandoned.
type delivery struct {
	call  *Call
	frame proto.Frame
}

// dispatch delivers the whole frames in b and returns their length. The calls
// are taken from pending under one lock, then filled and woken without it.
func (l *link) dispatch(b []byte, reuse *[]delivery) (used int, err error) {
	batch, rest := (*reuse)[:0], b
	l.mu.Lock()
	for {
		f, r, ok, e := proto.Next(rest)
		if !ok {
			err = e
			break
		}
		batch, rest = append(batch, delivery{l.pending[f.ID], f}), r
		delete(l.pending, f.ID)
	}
	l.mu.Unlock()
	l.client.counters.framesRead.Add(uint64(len(batch)))
	for _, d := range batch {
		if d.frame.Code == uint8(proto.StatusMute) {
			l.client.muted()
		}
		if d.call != nil {
			d.call.deliver(d.frame)
		}
	}
	clear(batch)
	*reuse = batch
	return len(b) - len(rest), err
}

// lose ends the connection; every waiter fails. Only the first cause counts.
func (l *link) lose(cause error) {
	l.mu.Lock()
	if l.lost != nil {
		l.mu.Unlock()
		return
	}
	l.lost = cause
	waiters := l.pending
	l.pending = nil
	clear(l.out)
	l.out = nil
	l.mu.Unlock()
	close(l.gone)
	l.conn.Close()
	for _, c := range waiters {
		c.fail()
	}
}

func (l *link) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// stall is how long a module may keep a request waiting while it answers
// nothing at all, not even a status request, before it counts as lost.
const stall = 10 * time.Second

// watch loses the connection to a module that hangs (stopped, deadlocked), so
// that callers without a deadline and the supervisor learn of it. It returns
// when the connection is lost.
func (l *link) watch() {
	ticker := time.NewTicker(stall)
	defer ticker.Stop()
	var seen uint64
	waited := false
	for {
		select {
		case <-l.gone:
			return
		case <-ticker.C:
		}
		read := l.client.counters.framesRead.Load()
		l.mu.Lock()
		waits := len(l.pending) > 0
		l.mu.Unlock()
		switch {
		case read != seen || !waits:
			waited = false
		case waited:
			l.lose(errStalled)
			return
		default:
			// Slow work may take this long; a status request is answered
			// all the same by a module that lives.
			waited = true
			go l.ping() // a write may hang too
		}
		seen = read
	}
}

// ping sends a status request whose answer nobody waits for.
func (l *link) ping() {
	frame := proto.AppendHeader(nil, 0, uint8(proto.CmdStatus))
	proto.EndFrame(frame)
	l.mu.Lock()
	l.queue(frame)
	lead := !l.flushing
	l.flushing = true
	l.mu.Unlock()
	if lead {
		l.flush(nil)
	}
}
