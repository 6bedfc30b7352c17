package node_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"trent/internal/admin"
	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
)

// TestOperatorsSeeAStart: while the service waits for its module it tells so,
// and does nothing.
func TestOperatorsSeeAStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	asked := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error)
	socket := filepath.Join(dir, "s")
	go func() {
		n, err := node.Open(ctx, node.Config{
			Data: filepath.Join(dir, "data"), Dev: true, Audit: 1, RotateEvery: 1 << 40, AdminSocket: socket, Log: log,
			Module: func(bool) (client.Source, error) { return absent{asked}, nil },
		})
		if err == nil {
			n.Close()
		}
		opened <- err
	}()
	<-asked // by now the admin socket is there
	a := admin.NewClient(socket)
	s, err := a.Status(ctx)
	if err != nil || s.State != "unavailable" || s.Module.State != "restarting" || s.Module.Source != admin.SourceSocket || s.Module.Error == "" {
		t.Errorf("%+v, %v", s, err)
	}
	for name, err := range map[string]error{
		"accounts": errorOf(a.Accounts(ctx, admin.AccountQuery{})), "account": errorOf(a.Account(ctx, "111122223333")),
		"create": errorOf(a.CreateAccount(ctx, admin.CreateAccount{})), "disable": errorOf(a.SetAccountDisabled(ctx, "111122223333", true)),
		"new key": errorOf(a.NewRootKey(ctx, "111122223333", admin.CreateRootKey{})), "deactivate": errorOf(a.DeactivateRootKey(ctx, "111122223333", "x")),
		"keys": errorOf(a.Keys(ctx, admin.KeyQuery{})), "key": errorOf(a.Key(ctx, admin.KeyName{ID: "alias/x"})), "restart": errorOf(a.RestartModule(ctx)),
	} {
		if code(err) != admin.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := a.Status(t.Context()); !errors.Is(err, admin.ErrNoServer) {
		t.Errorf("after the end: %v", err)
	}
}

// absent is a module that nobody has started.
type absent struct{ asked chan struct{} }

func (a absent) Connect(ctx context.Context, _ bool) (io.ReadWriteCloser, error) {
	close(a.asked)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestModuleOfSomebodyElse: a module at a socket is not the service's to end.
func TestModuleOfSomebodyElse(t *testing.T) {
	t.Parallel()
	var child *supervisor.Child
	f, a := newOperated(t, func(c *node.Config) {
		source := c.Module
		c.Module = func(fresh bool) (client.Source, error) {
			s, err := source(fresh)
			child = s.(*supervisor.Child)
			return struct{ client.Source }{s}, err
		}
	})
	if _, err := a.RestartModule(t.Context()); code(err) != admin.NotPossible || !strings.Contains(err.Error(), "systemctl restart trent-hsm") {
		t.Errorf("%v", err)
	}
	if child.Pid() == 0 || f.caller("test").call("ListKeys", "{}").status != 200 {
		t.Error("it was ended")
	}
}

// TestOperatorRestartsTheModule: a working one, a mute one, and one that is
// mute as soon as it is back; who did it is recorded.
func TestOperatorRestartsTheModule(t *testing.T) {
	t.Parallel()
	var source *muting
	f, a := newOperated(t, func(c *node.Config) {
		module := c.Module
		c.Module = func(fresh bool) (client.Source, error) {
			s, err := module(fresh)
			source = &muting{Child: s.(*supervisor.Child)}
			return source, err
		}
	})
	ctx := t.Context()
	c := f.caller("test")
	key := c.createKey(t)
	for _, mute := range []bool{false, true, true} {
		if mute {
			source.mute.Store(true)
			if got := c.call("Encrypt", map[string]any{"KeyId": key, "Plaintext": []byte("x")}); got.status != 503 {
				t.Errorf("mute: %+v", got)
			}
			if got := c.query("sts", whoAmI); got.status != 503 || got.code != "ServiceUnavailable" || got.kind != "Receiver" {
				t.Errorf("mute: %+v", got)
			}
			if m, err := a.Module(ctx); err != nil || m.State != "mute" {
				t.Errorf("%+v, %v", m, err)
			}
		}
		before := source.Pid()
		m, err := a.RestartModule(ctx)
		if err != nil || m.State != "ready" || m.PID == before || m.PID != source.Pid() || m.Restarts != 0 {
			t.Errorf("mute %v: %+v, %v", mute, m, err)
		}
		c.must(t, "Encrypt", map[string]any{"KeyId": key, "Plaintext": []byte("x")})
	}
	f.close(t)
	restarts := 0
	for _, r := range f.records(t) {
		if r["eventName"] == "RestartModule" {
			who, _ := r["userIdentity"].(map[string]any)
			if who["principalId"] != fmt.Sprintf("uid:%d", os.Geteuid()) || r["eventSource"] != "trent" {
				t.Errorf("%v", r)
			}
			restarts++
		}
	}
	if restarts != 3 {
		t.Errorf("%d restarts are recorded", restarts)
	}
}

// muting is a child whose answers, once mute is set and until it is started
// again, are those of a module that has failed a check.
type muting struct {
	*supervisor.Child
	mute atomic.Bool
}

func (m *muting) Connect(ctx context.Context, mute bool) (io.ReadWriteCloser, error) {
	conn, err := m.Child.Connect(ctx, mute)
	m.mute.Store(false)
	return &mutingConn{ReadWriteCloser: conn, m: m}, err
}

type mutingConn struct {
	io.ReadWriteCloser
	m    *muting
	left []byte // of a frame
}

func (c *mutingConn) Read(b []byte) (int, error) {
	if len(c.left) == 0 {
		header := make([]byte, proto.HeaderSize)
		if _, err := io.ReadFull(c.ReadWriteCloser, header); err != nil {
			return 0, err
		}
		message := make([]byte, int(binary.BigEndian.Uint32(header))+4-len(header))
		if _, err := io.ReadFull(c.ReadWriteCloser, message); err != nil {
			return 0, err
		}
		c.left = append(header, message...)
		if c.m.mute.Load() {
			binary.BigEndian.PutUint32(header, proto.HeaderSize-4)
			header[proto.HeaderSize-1] = byte(proto.StatusMute)
			c.left = header
		}
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}
