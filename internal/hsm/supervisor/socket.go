package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errFolder says that whoever put the socket there need not be the module.
var errFolder = errors.New("others can write to the socket's folder")

// errPeer says that whoever listens is not who owns the folder.
var errPeer = errors.New("the socket is not the module's")

// Socket is a module that an operator runs. It is dialled for as long as it
// takes.
type Socket struct {
	path  string
	log   *slog.Logger
	since time.Time     // of the last connection
	delay time.Duration // before the next try
}

// steady is how long a connection lasts that was not refused: a module that
// does not let this user in closes at once, and is not to be asked without a
// pause.
const steady = 10 * time.Second

// NewSocket makes a source that dials the module listening at path.
func NewSocket(path string, log *slog.Logger) *Socket {
	return &Socket{path: path, log: log}
}

// Connect dials until there is a connection, with delays that grow to five
// seconds. Its only error is ctx's: a mute or missing module is the operator's
// to start. It is called by one goroutine.
func (s *Socket) Connect(ctx context.Context, _ bool) (io.ReadWriteCloser, error) {
	if !s.since.IsZero() { // the connection before this one was lost
		if time.Since(s.since) >= steady {
			s.delay = 0
		}
		s.grow()
	}
	for {
		if err := sleep(ctx, s.delay); err != nil {
			return nil, err
		}
		conn, err := s.dial(ctx)
		if err == nil {
			s.since = time.Now()
			return conn, nil
		}
		s.grow()
		s.log.Error("no connection to the crypto module", "socket", s.path, "error", err, "retry_in", s.delay)
	}
}

func (s *Socket) grow() { s.delay = min(max(2*s.delay, firstDelay), maxDelay) }

func (s *Socket) dial(ctx context.Context) (net.Conn, error) {
	info, err := os.Stat(filepath.Dir(s.path))
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&(syscall.S_IWGRP|syscall.S_IWOTH) != 0 {
		return nil, fmt.Errorf("%w: mode %04o", errFolder, info.Mode().Perm())
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("%w: unknown owner", errFolder)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", s.path)
	if err != nil {
		return nil, err
	}
	if err := checkPeer(conn, owner.Uid); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// checkPeer says whether uid, the owner of the socket's folder, is who listens
// there: a module accepts no other folder than its own.
func checkPeer(conn net.Conn, uid uint32) error {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("%w: no Unix socket", errPeer)
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return err
	}
	if peer.Uid != uid {
		return fmt.Errorf("%w: user %d, and the folder is user %d's", errPeer, peer.Uid, uid)
	}
	return nil
}
