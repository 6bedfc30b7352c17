package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/supervisor/exit"
)

// grace is how long a module that has lost its connection may take to end
// before it is killed, and how long its last words are waited for.
const grace = 2 * time.Second

// childFD is the socket's descriptor in the module: the first after standard
// error.
const childFD = 3

// Child is a module that runs as this process's child, over a socket pair. It
// ends when this process ends, however that ends.
type Child struct {
	path     string
	args     []string
	first    []string // further arguments until a module has answered
	log      *slog.Logger
	started  bool
	answered atomic.Bool   // by a module; set by whoever reads the connection
	hurry    chan struct{} // capacity 1: an operator does not want to wait for the delay

	mu       sync.Mutex
	restarts restarts
	process  *process // the last one started; nil before, and after a failed start
}

// NewChild makes a source that runs the program at path with args and "--fd
// 3". The program gets an empty environment; what it writes to standard error
// goes to log.
func NewChild(path string, args []string, log *slog.Logger) *Child {
	return &Child{path: path, args: args, log: log, hurry: make(chan struct{}, 1)}
}

// First adds arguments for the first start: to make a key file. A module that
// ended before it answered is started with them again, for it may have ended
// before it made one. Once a module has answered, something may be sealed with
// its key, and no start must ever make another.
func (c *Child) First(args ...string) *Child {
	c.first = args
	return c
}

// Connect starts the module, after the one before it has ended. From the
// second time on it waits longer each time, and after five restarts within ten
// minutes gives up with ErrTooManyRestarts. Its other final errors are ErrMute
// and ErrPermanent. A module that Restart has ended is started again whatever
// it was, and is not counted. It is called by one goroutine.
func (c *Child) Connect(ctx context.Context, mute bool) (io.ReadWriteCloser, error) {
	again, err := c.last(mute)
	if err != nil {
		return nil, err
	}
	for {
		if c.started && !again {
			if err := c.delay(ctx); err != nil {
				return nil, err
			}
		}
		c.started, again = true, false
		conn, err := c.start()
		if err == nil {
			return conn, nil
		}
		c.log.Error("crypto module did not start", "path", c.path, "error", err)
	}
}

// last ends the process before, if there was one, and says whether it must not
// be followed by another, or was ended by an operator.
func (c *Child) last(mute bool) (again bool, err error) {
	c.mu.Lock()
	p := c.process
	c.process = nil
	again = p != nil && p.again
	c.mu.Unlock()
	if p != nil {
		status := p.end()
		if again {
			c.log.Info("crypto module ended, as an operator asked", "status", status.String())
			return true, nil
		}
		c.log.Error("crypto module ended", "status", status.String())
		if exit.Permanent(status.ExitCode()) {
			return false, fmt.Errorf("%w: %v", ErrPermanent, status)
		}
	}
	if mute {
		return false, ErrMute
	}
	return false, nil
}

// delay waits before a restart, unless there were too many.
func (c *Child) delay(ctx context.Context) error {
	c.mu.Lock()
	delay, ok := c.restarts.next(time.Now())
	c.mu.Unlock()
	if !ok {
		return ErrTooManyRestarts
	}
	select {
	case <-c.hurry: // from an earlier delay
	default:
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-c.hurry:
	}
	c.log.Warn("starting the crypto module again", "after", delay)
	return nil
}

// Restart ends the module, so that Connect is called and starts another at
// once, be it mute or not. If none runs, the next one does not wait. The
// restarts so far are forgotten. It is an operator's act, and waits for nothing.
func (c *Child) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restarts = restarts{}
	if c.process == nil {
		select {
		case c.hurry <- struct{}{}:
		default:
		}
		return
	}
	c.process.again = true
	c.process.conn.Close() // the module ends, and the reader of the connection finds out
}

// Kill ends the module at once, as a crash does: it counts as one.
func (c *Child) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	if err := c.process.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Close ends the module, if it runs. Connect must not be under way.
func (c *Child) Close() {
	c.mu.Lock()
	p := c.process
	c.process = nil
	c.mu.Unlock()
	if p != nil {
		p.end()
	}
}

// Pid is the module's process id; 0 if none runs.
func (c *Child) Pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.pid
}

// Restarts returns how often the module was started again of late, and how
// often that may be within the same time, ten minutes.
func (c *Child) Restarts() (n, max int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restarts.recent(time.Now()), maxRestarts
}

// start starts the program and returns our end of the pair.
func (c *Child) start() (io.ReadWriteCloser, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "module"), os.NewFile(uintptr(fds[1]), "service")
	defer ours.Close() // conn has a duplicate
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	if c.answered.Load() {
		c.first = nil
	}
	args := slices.Concat(c.args, c.first, []string{"--fd", fmt.Sprint(childFD)})
	cmd := exec.Command(c.path, args...)
	cmd.Env = []string{}
	cmd.Stderr = &lines{log: c.log}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.WaitDelay = grace
	// A process group of its own keeps a terminal's ^C from the module: the
	// service ends first, and the module with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p, err := run(cmd, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.mu.Lock()
	c.process = p
	c.mu.Unlock()
	c.log.Info("crypto module started", "path", c.path, "pid", p.pid)
	if c.first == nil {
		return conn, nil
	}
	return &firstConn{Conn: conn, answered: &c.answered}, nil
}

// firstConn is a connection that sees whether its module answers.
type firstConn struct {
	net.Conn
	answered *atomic.Bool
}

// Read is the connection's.
func (c *firstConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.answered.Load() {
		c.answered.Store(true)
	}
	return n, err
}

// process is a running module.
type process struct {
	pid   int
	conn  net.Conn
	cmd   *exec.Cmd
	ended chan struct{} // closed when it was waited for
	again bool          // an operator has ended it; guarded by the Child's mutex
}

// run starts cmd from a thread that lives as long as the process: the kernel
// sends Pdeathsig when the thread ends that started it.
func run(cmd *exec.Cmd, conn net.Conn) (*process, error) {
	started := make(chan error)
	p := &process{cmd: cmd, conn: conn, ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		defer close(p.ended)
		_ = cmd.Wait() // the status is in cmd.ProcessState
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end closes the connection, at which the module ends, kills it if it does
// not, and returns its status.
func (p *process) end() *os.ProcessState {
	p.conn.Close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill() // it may have ended just now
		<-p.ended
	}
	return p.cmd.ProcessState
}

// sleep waits for d or the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
