// Package client is the service's end of the socket to the crypto module: one
// multiplexed connection, whose requests from many goroutines leave in shared
// writes. It owns the connection's state (Ready and its reasons) and nothing
// of what a message means.
//
// It must never keep a request or an answer longer than the call: both are
// wiped. Only the typed wrappers client/use, client/identity and client/jobs,
// which hold the rights, and the wiring of cmd/trent may import it. The bytes
// are those of docs/formats.md, "Frames".
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/hsm/proto"
)

// ErrUnavailable says that no module answers now: there is no connection, it
// was lost before the answer came, or the domains are not loaded yet. Nothing
// is known about the effect of a call that was under way; no command has one
// that lasts.
var ErrUnavailable = errors.New("crypto module is not available")

// errMute is the ErrUnavailable of a mute module.
var errMute = fmt.Errorf("%w: %w", ErrUnavailable, proto.StatusMute)

// errProtocol ends a connection whose other end does not speak as it must.
var errProtocol = errors.New("crypto module: answer breaks the protocol")

// errStalled ends a connection whose module has stopped answering.
var errStalled = errors.New("crypto module does not answer")

// State is what the front needs to know before it takes a request.
type State uint32

// The states of the connection.
const (
	// Restarting: there is no connection; one is being made.
	Restarting State = iota
	// Sealed: connected, but the hook has not succeeded: domains are missing.
	Sealed
	// Ready: every command is answered.
	Ready
	// Mute: the module has failed a check and answers status only, until an
	// operator restarts it.
	Mute
	// Down: Run has returned; there will be no further connection.
	Down
)

// States lists the states.
func States() []State { return []State{Restarting, Sealed, Ready, Mute, Down} }

// String is the state's name, as trent status shows it.
func (s State) String() string {
	return [...]string{"restarting", "sealed", "ready", "mute", "down"}[s]
}

// Source makes connections: internal/hsm/supervisor's Child and Socket.
type Source interface {
	// Connect returns the next connection, after whatever delay the source
	// imposes. mute says that the module behind the previous one was mute. An
	// error other than ctx's is final.
	Connect(ctx context.Context, mute bool) (io.ReadWriteCloser, error)
}

// Hook runs after each connection, before Ready: it loads the domain tokens.
// Its context lets its own calls through.
type Hook func(ctx context.Context) error

// Client is the connection to one module. Its methods are safe for concurrent
// use. Calls fail with ErrUnavailable until Run has made it ready.
type Client struct {
	// RoundTrip, if set before Run, is told how long each answered call took,
	// and whether it was one of the module's slow lane.
	RoundTrip func(slow bool, took time.Duration)

	log      *slog.Logger
	state    atomic.Uint32
	link     atomic.Pointer[link]
	calls    sync.Pool
	counters counters
	epoch    time.Time // durations are differences of times since then
}

// New makes a client that is Restarting; Run connects it.
func New(log *slog.Logger) *Client {
	c := &Client{log: log, epoch: time.Now()}
	c.calls.New = func() any { return &Call{client: c, answered: make(chan struct{}, 1)} }
	return c
}

// State is the connection's state. It costs one atomic read.
func (c *Client) State() State { return State(c.state.Load()) }

// Ready reports whether commands are answered: false means 503 to whoever
// asks. It costs one atomic read.
func (c *Client) Ready() bool { return c.State() == Ready }

// Counters since New; Reads and Writes are system calls that carried frames.
type Counters struct {
	FramesRead, Reads, FramesWritten, Writes uint64
	Connections                              uint64
	// Waiting calls now: sent and not answered, of the fast commands and of the slow lane's.
	Fast, Slow int64
}

type counters struct {
	framesRead, reads, framesWritten, writes, connections atomic.Uint64
	fast, slow                                            atomic.Int64
}

func (c *counters) waiting(slow bool) *atomic.Int64 {
	if slow {
		return &c.slow
	}
	return &c.fast
}

// Counters returns the counters.
func (c *Client) Counters() Counters {
	return Counters{
		FramesRead: c.counters.framesRead.Load(), Reads: c.counters.reads.Load(),
		FramesWritten: c.counters.framesWritten.Load(), Writes: c.counters.writes.Load(),
		Connections: c.counters.connections.Load(), Fast: c.counters.fast.Load(), Slow: c.counters.slow.Load(),
	}
}

// Run connects, keeps connected, and returns when ctx ends (its error) or the
// source gives up (the source's error). It must be called once.
func (c *Client) Run(ctx context.Context, source Source, hook Hook) error {
	defer c.state.Store(uint32(Down))
	mute := false
	for {
		conn, err := source.Connect(ctx, mute)
		if err != nil {
			return err
		}
		err = c.serve(ctx, conn, hook)
		mute = c.State() == Mute
		c.state.Store(uint32(Restarting))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.log.Error("connection to the crypto module lost", "error", err)
	}
}

// serve uses one connection until it is lost.
func (c *Client) serve(ctx context.Context, conn io.ReadWriteCloser, hook Hook) error {
	c.counters.connections.Add(1)
	l := newLink(c, conn)
	c.state.Store(uint32(Sealed))
	c.link.Store(l)
	readerDone := make(chan struct{})
	go func() {
		defer close(readerDone)
		l.lose(l.read())
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { l.lose(context.Cause(ctx)) })
	go func() {
		defer cancel()
		l.watch()
	}()
	if err := c.open(ctx, hook); err != nil {
		l.lose(err)
	}
	<-readerDone
	c.link.CompareAndSwap(l, nil)
	return l.cause()
}

// open greets the module and runs the hook until it succeeds.
func (c *Client) open(ctx context.Context, hook Hook) error {
	ctx = context.WithValue(ctx, throughKey{}, true)
	info, err := c.hello(ctx)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if info.Mute {
		c.muted()
		return nil
	}
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, 30*time.Second) {
		err := hook(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil || c.State() == Mute {
			return nil
		}
		c.log.Error("crypto module stays sealed", "error", err, "retry_in", delay)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
	if c.state.CompareAndSwap(uint32(Sealed), uint32(Ready)) {
		c.log.Info("crypto module ready", "build", info.Build, "fips", info.FIPS, "fips_module", info.FIPSVersion)
	}
	return nil
}

// helloTimeout bounds the wait for the first answer of a module that accepts
// connections but does not speak.
const helloTimeout = 10 * time.Second

func (c *Client) hello(ctx context.Context) (proto.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	call := c.Start(proto.CmdHello)
	defer call.Done()
	call.Frame = (&proto.HelloRequest{Version: proto.Version}).Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return proto.Info{}, err
	}
	var info proto.Info
	if err := info.Decode(append([]byte(nil), answer...)); err != nil {
		return proto.Info{}, errProtocol
	}
	if info.Version != proto.Version {
		return proto.Info{}, fmt.Errorf("module speaks version %d of the protocol, not %d", info.Version, proto.Version)
	}
	return info, nil
}

// muted notes that the module answered that it is mute.
func (c *Client) muted() {
	if c.state.CompareAndSwap(uint32(Ready), uint32(Mute)) || c.state.CompareAndSwap(uint32(Sealed), uint32(Mute)) {
		c.log.Error("crypto module is mute: it failed a check and must be restarted by an operator")
	}
}

// throughKey marks the context of the hook, whose calls pass while Sealed.
type throughKey struct{}

// admit returns the connection that a call may use.
func (c *Client) admit(ctx context.Context, cmd proto.Command) (*link, error) {
	l := c.link.Load()
	if l == nil {
		return nil, ErrUnavailable
	}
	switch c.State() {
	case Ready:
		return l, nil
	case Mute:
		if cmd != proto.CmdStatus {
			return nil, errMute
		}
		return l, nil
	case Sealed:
		if cmd != proto.CmdStatus && ctx.Value(throughKey{}) == nil {
			return nil, ErrUnavailable
		}
		return l, nil
	default:
		return nil, ErrUnavailable
	}
}
