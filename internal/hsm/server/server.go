// Package server is the crypto module's end of the socket: it reads frames,
// runs their commands in the engine and writes the answers, all answers of one
// read in one write. Slow commands go through a lane of their own. The bytes
// are those of docs/formats.md, "Frames".
//
// It must never interpret a token or a blob, and never log a message. It does
// not survive a panic in a command: a module whose invariants are broken must
// not go on. Only cmd/trent-hsm and tests may import it.
package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/supervisor/exit"
)

const (
	// readBuffer is what one read may bring: one frame of any size at least,
	// and some hundred of the usual ones.
	readBuffer = 128 << 10
	// flushAt is when answers are written before the read's last command has
	// run. The largest answer still fits behind it without growing the
	// buffer, which would leave a copy of what it holds.
	flushAt     = 64 << 10
	writeBuffer = flushAt + 4 + proto.MaxFrame
	// busyFrames is how many requests one read may bring for the next to be a
	// ReadBusy. More of them have paid for being woken; waiting until everybody
	// else has run would only make them late.
	busyFrames = 16
)

// Server serves connections. Make it with New.
type Server struct {
	engine   Engine
	log      *slog.Logger
	lane     *lane // milliseconds: private-key work
	making   *lane // seconds: RSA keys, when none is left that was made ahead
	workers  sync.WaitGroup
	counters counters
}

type counters struct {
	framesRead, reads, framesWritten, writes atomic.Uint64
}

// New makes a server and starts the workers of its lanes, which Close ends.
func New(engine Engine, log *slog.Logger) *Server {
	s := &Server{engine: engine, log: log, lane: newLane(laneDepth), making: newLane(laneDepth)}
	for _, l := range []*lane{s.lane, s.making} {
		s.workers.Go(func() {
			defer s.die()
			newWorker(s, l).run()
		})
	}
	return s
}

// Close ends the lane's workers after what they have begun. Connections are
// their owners' to close.
func (s *Server) Close() {
	s.lane.close()
	s.making.close()
	s.workers.Wait()
}

// info is the engine's, with the server's counters.
func (s *Server) info() proto.Info {
	info := s.engine.Info()
	info.Version = proto.Version
	info.FramesRead, info.Reads = s.counters.framesRead.Load(), s.counters.reads.Load()
	info.FramesWritten, info.Writes = s.counters.framesWritten.Load(), s.counters.writes.Load()
	return info
}

// conn is one connection. Its reader goroutine runs the fast commands.
type conn struct {
	server   *Server
	rw       io.ReadWriteCloser
	greeted  bool
	requests requests
	out      []byte // answers that wait to be written
	frames   uint64 // in out
	busy     bool   // the last read brought several requests, not a great many

	mu   sync.Mutex   // writing to rw
	late atomic.Int32 // how many answers of slow commands are not written yet
}

// ServeConn answers the requests of one connection until it ends, and closes
// it. It returns nil at the end of input, and proto.ErrMalformed if the peer
// broke the protocol.
func (s *Server) ServeConn(rw io.ReadWriteCloser) error {
	defer s.die()
	defer rw.Close()
	c := &conn{server: s, rw: rw, out: make([]byte, 0, writeBuffer)}
	buffer := make([]byte, readBuffer)
	defer clear(buffer)
	filled := 0
	for {
		// A goroutine that has only read for 10 ms would be taken for one that holds
		// a processor, and the runtime would look after it every 20 µs from then on.
		runtime.Gosched()
		n, err := c.read(buffer[filled:])
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read: %w", err)
		}
		s.counters.reads.Add(1)
		filled += n
		used, err := c.answerAll(buffer[:filled])
		// Whatever went before the fault is answered.
		if err := errors.Join(err, c.flush()); err != nil {
			return err
		}
		rest := copy(buffer, buffer[used:filled])
		clear(buffer[rest:filled])
		filled = rest
	}
}

// busyReader is a connection that can be read at less cost, but not as soon,
// when several requests are on their way at any time.
type busyReader interface {
	ReadBusy(b []byte) (int, error)
}

func (c *conn) read(b []byte) (int, error) {
	if r, ok := c.rw.(busyReader); ok && c.busy {
		return r.ReadBusy(b)
	}
	return c.rw.Read(b)
}

// answerAll runs every whole request in b and returns their length.
func (c *conn) answerAll(b []byte) (used int, err error) {
	rest, n := b, uint64(0)
	for {
		f, r, ok, err := proto.Next(rest)
		if err != nil || !ok {
			c.server.counters.framesRead.Add(n)
			c.busy = n > 1 && n <= busyFrames
			return len(b) - len(rest), err
		}
		rest = r
		n++
		if err := c.answer(f); err != nil {
			return len(b) - len(rest), err
		}
		if len(c.out) >= flushAt {
			if err := c.flush(); err != nil {
				return len(b) - len(rest), err
			}
		}
	}
}

// answer appends the answer to one request to out, or gives it to the lane.
func (c *conn) answer(f proto.Frame) error {
	cmd := proto.Command(f.Code)
	switch {
	case cmd == proto.CmdHello:
		c.greet(f)
		return nil
	case !c.greeted:
		return fmt.Errorf("%w: %v before hello", proto.ErrMalformed, cmd)
	case cmd == proto.CmdStatus:
		c.status(f)
		return nil
	case c.server.engine.Muted():
		c.refuse(f, proto.StatusMute)
		return nil
	}
	row := &commands[cmd]
	account, spec, slow := "", uint16(0), row.slow
	if row.weighed {
		account, spec, slow = c.server.engine.Weigh(cmd, f.Message)
	}
	switch {
	case row.run == nil:
		c.refuse(f, proto.StatusUnknownCommand)
	case slow:
		c.queue(job{account: account, conn: c, row: row, kind: kind{cmd, spec}, frame: f})
	default:
		c.out, _ = appendAnswer(c.out, c.server.engine, &c.requests, row.run, f)
		c.frames++
	}
	return nil
}

// queue gives a request to the slow lane. A peer that does not read keeps its
// answers waiting, not the lane.
func (c *conn) queue(j job) {
	l := c.server.lane
	j.frame.Message = l.keep(j.frame.Message)
	if c.late.Load() >= laneDepth || !l.put(j) {
		l.release(j.frame.Message)
		c.refuse(j.frame, proto.StatusBusy)
	}
}

// appendAnswer runs a command and appends its answer to dst, which has the status.
func appendAnswer(dst []byte, engine Engine, requests *requests, run handler, f proto.Frame) ([]byte, proto.Status) {
	start := len(dst)
	dst = proto.AppendHeader(dst, f.ID, uint8(proto.StatusOK))
	message := len(dst)
	dst, status := run(engine, requests, dst, f.Message)
	if status == proto.StatusOK && len(dst)-start > 4+proto.MaxFrame {
		status = proto.StatusInternal
	}
	if status != proto.StatusOK {
		clear(dst[message:])
		dst = dst[:message]
		dst[message-1] = uint8(status)
	}
	proto.EndFrame(dst[start:])
	return dst, status
}

// greet answers hello. A peer of another version learns ours, and gets nothing
// else.
func (c *conn) greet(f proto.Frame) {
	var hello proto.HelloRequest
	if hello.Decode(f.Message) != nil {
		c.refuse(f, proto.StatusMalformed)
		return
	}
	c.greeted = hello.Version == proto.Version
	f.Message = nil
	c.status(f)
}

func (c *conn) status(f proto.Frame) {
	if len(f.Message) != 0 {
		c.refuse(f, proto.StatusMalformed)
		return
	}
	info := c.server.info()
	start := len(c.out)
	c.out = info.Append(proto.AppendHeader(c.out, f.ID, uint8(proto.StatusOK)))
	proto.EndFrame(c.out[start:])
	c.frames++
}

// refuse appends an answer without a message.
func (c *conn) refuse(f proto.Frame, status proto.Status) {
	start := len(c.out)
	c.out = proto.AppendHeader(c.out, f.ID, uint8(status))
	proto.EndFrame(c.out[start:])
	c.frames++
}

// flush writes out, and wipes it.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.write(c.out, c.frames)
	clear(c.out)
	c.out, c.frames = c.out[:0], 0
	return err
}

func (c *conn) write(frames []byte, n uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server.counters.framesWritten.Add(n)
	c.server.counters.writes.Add(1)
	if _, err := c.rw.Write(frames); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// die ends the process if a command has panicked. It is deferred by every
// goroutine that runs commands, instead of the runtime's own report, because
// that prints the arguments of functions, which may be secrets: here only
// where it happened is logged, and the text of the runtime's own errors.
func (s *Server) die() {
	value := recover()
	if value == nil {
		return
	}
	reason := fmt.Sprintf("a value of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		reason = err.Error()
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var stack []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		stack = append(stack, fmt.Sprintf("%s:%d", f.Function, f.Line))
	}
	s.log.Error("crypto module ends after a panic", "panic", reason, "stack", stack)
	os.Exit(exit.Panic)
}
