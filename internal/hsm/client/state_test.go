package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
)

// peer is the module's end of a connection in tests of what a module does that
// ours does not: it answers hello, and gives all other requests to the test.
type peer struct {
	conn     net.Conn
	requests chan proto.Frame
}

func newPeer(t *testing.T, info proto.Info) (*peer, net.Conn) {
	t.Helper()
	return newPeerThatReads(t, info, 16)
}

// newPeerThatReads reads so many requests beyond those the test has taken.
func newPeerThatReads(t *testing.T, info proto.Info, ahead int) (*peer, net.Conn) {
	t.Helper()
	theirs, ours := net.Pipe()
	p := &peer{conn: theirs, requests: make(chan proto.Frame, ahead)}
	go func() {
		defer close(p.requests)
		var b []byte
		for {
			f, rest, ok, err := proto.Next(b)
			switch {
			case err != nil:
				t.Error(err)
				return
			case ok && proto.Command(f.Code) == proto.CmdHello:
				p.answer(f.ID, proto.StatusOK, info.Append(nil))
				b = rest
			case ok:
				p.requests <- f
				b = rest
			default:
				more := make([]byte, 4096)
				n, err := theirs.Read(more)
				if err != nil {
					return
				}
				b = append(b, more[:n]...)
			}
		}
	}()
	return p, ours
}

func (p *peer) answer(id uint64, status proto.Status, message []byte) {
	frame := append(proto.AppendHeader(nil, id, uint8(status)), message...)
	proto.EndFrame(frame)
	_, _ = p.conn.Write(frame) // a lost connection is what some tests are about
}

var info = proto.Info{Version: proto.Version}

// running starts a client in a synctest bubble.
func running(t *testing.T, source client.Source, hook client.Hook, change ...func(*client.Client)) *client.Client {
	t.Helper()
	c := client.New(slog.New(slog.DiscardHandler))
	for _, f := range change {
		f(c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx, source, hook)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	synctest.Wait()
	return c
}

func noHook(context.Context) error { return nil }

func random(ctx context.Context, c *client.Client) ([]byte, error) {
	return do(ctx, c, proto.CmdGenerateRandom, (&proto.GenerateRandomRequest{Bytes: 1}).Append(nil))
}

func TestCancelledCallIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, conn := newPeer(t, info)
		c := running(t, &conns{conn}, noHook)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := random(ctx, c)
			result <- err
		}()
		abandoned := <-p.requests
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		// The next call may use the same memory; the late answer is not its.
		type outcome struct {
			answer []byte
			err    error
		}
		next := make(chan outcome, 1)
		go func() {
			answer, err := random(t.Context(), c)
			next <- outcome{answer, err}
		}()
		second := <-p.requests
		p.answer(abandoned.ID, proto.StatusOK, []byte("late"))
		p.answer(second.ID, proto.StatusOK, []byte("own"))
		if got := <-next; got.err != nil || string(got.answer) != "own" {
			t.Errorf("the call after: %q, %v", got.answer, got.err)
		}
	})
}

func TestLostConnectionFailsEveryWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, conn := newPeer(t, info)
		c := running(t, &conns{conn}, noHook)
		const callers = 16
		results := make(chan error, callers)
		for range callers {
			go func() {
				_, err := random(context.Background(), c)
				results <- err
			}()
		}
		for range callers {
			<-p.requests
		}
		p.conn.Close()
		for range callers {
			if err := <-results; !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("waiting when the connection was lost: %v", err)
			}
		}
		synctest.Wait()
		if _, err := random(t.Context(), c); !errors.Is(err, client.ErrUnavailable) || c.Ready() {
			t.Errorf("after the loss: %v, %v", err, c.State())
		}
	})
}

func TestSealedUntilTheHookSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, conn := newPeer(t, info)
		go func() {
			for f := range p.requests {
				p.answer(f.ID, proto.StatusOK, []byte{1})
			}
		}()
		var c *client.Client
		attempts, created := 0, make(chan struct{})
		hook := func(ctx context.Context) error {
			<-created
			attempts++
			if _, err := random(ctx, c); err != nil {
				t.Errorf("a call of the hook: %v", err)
			}
			if attempts < 3 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		c = running(t, &conns{conn}, hook)
		close(created)
		synctest.Wait()
		if c.State() != client.Sealed {
			t.Fatalf("after a failed hook: %v", c.State())
		}
		if _, err := random(t.Context(), c); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("a call while sealed: %v", err)
		}
		if _, err := do(t.Context(), c, proto.CmdStatus, nil); err != nil {
			t.Errorf("status while sealed: %v", err)
		}
		time.Sleep(time.Second) // of the bubble's clock: two more attempts
		synctest.Wait()
		if !c.Ready() || attempts != 3 {
			t.Errorf("%v after %d attempts", c.State(), attempts)
		}
	})
}

func TestMuteModule(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]bool{"from the start": true, "while serving": false} {
		synctest.Test(t, func(t *testing.T) {
			p, conn := newPeer(t, proto.Info{Version: proto.Version, Mute: at})
			source := &reconnect{conns: conns{conn}}
			hooks := 0
			c := running(t, source, func(context.Context) error { hooks++; return nil })
			go func() {
				for f := range p.requests {
					status := proto.StatusMute
					if proto.Command(f.Code) == proto.CmdStatus {
						status = proto.StatusOK
					}
					p.answer(f.ID, status, nil)
				}
			}()
			if at != (hooks == 0) {
				t.Errorf("%s: %d hooks", name, hooks)
			}
			for range 2 { // the module's answer, then ours
				_, err := random(t.Context(), c)
				if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, proto.StatusMute) || c.State() != client.Mute {
					t.Errorf("%s: %v, %v", name, err, c.State())
				}
			}
			if _, err := do(t.Context(), c, proto.CmdStatus, nil); err != nil {
				t.Errorf("%s: status: %v", name, err)
			}
			p.conn.Close()
			synctest.Wait()
			if !source.mute || c.State() != client.Down {
				t.Errorf("%s: the source was not told: %v, %v", name, source.mute, c.State())
			}
		})
	}
}

// reconnect remembers what it was told about the last connection.
type reconnect struct {
	conns
	mute bool
}

func (r *reconnect) Connect(ctx context.Context, mute bool) (io.ReadWriteCloser, error) {
	r.mute = mute
	return r.conns.Connect(ctx, mute)
}

func TestNewConnectionAfterALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, a := newPeer(t, info)
		second, b := newPeer(t, info)
		hooks := 0
		c := running(t, &conns{a, b}, func(context.Context) error { hooks++; return nil })
		first.conn.Close()
		synctest.Wait()
		if !c.Ready() || hooks != 2 {
			t.Fatalf("%v after %d hooks", c.State(), hooks)
		}
		go func() {
			f := <-second.requests
			second.answer(f.ID, proto.StatusOK, []byte("second"))
		}()
		if answer, err := random(t.Context(), c); err != nil || string(answer) != "second" {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

// TestHungModuleIsLost has a module that reads and never answers, and one that
// does not even read.
func TestHungModuleIsLost(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]int{"reads": 16, "does not read": 0} {
		synctest.Test(t, func(t *testing.T) {
			p, conn := newPeerThatReads(t, info, ahead)
			c := running(t, &conns{conn}, noHook)
			began := time.Now()
			if _, err := random(context.Background(), c); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
			if waited := time.Since(began); waited > time.Minute { // of the bubble's clock
				t.Errorf("%s: lost after %v", name, waited)
			}
			<-p.requests
		})
	}
}

func TestWrongPeers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, other := newPeer(t, proto.Info{Version: proto.Version + 1})
		garbage, ours := net.Pipe()
		go func() {
			_, _ = garbage.Read(make([]byte, 100))
			_, _ = garbage.Write([]byte("HTTP/1.1 400 Bad Request"))
		}()
		c := running(t, &conns{other, ours}, func(context.Context) error {
			t.Error("the hook ran")
			return nil
		})
		if c.State() != client.Down {
			t.Errorf("%v after peers of another kind", c.State())
		}
	})
}
