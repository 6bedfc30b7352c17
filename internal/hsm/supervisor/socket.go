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
)

// errFolder says that whoever put the socket there need not be the module.
var errFolder = errors.New("others can write to the socket's folder")

// Socket is a module that an operator runs. It is dialled for as long as it
// takes.
type Socket struct {
	path      string
	log       *slog.Logger
	connected bool
}

// NewSocket makes a source that dials the module listening at path.
func NewSocket(path string, log *slog.Logger) *Socket {
	return &Socket{path: path, log: log}
}

// Connect dials until there is a connection, with delays that grow to five
// seconds. Its only error is ctx's: a mute or missing module is the operator's
// to start. It is called by one goroutine.
func (s *Socket) Connect(ctx context.Context, _ bool) (io.ReadWriteCloser, error) {
	delay := time.Duration(0)
	if s.connected {
		delay = firstDelay // the connection before this one was lost
	}
	for {
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
		conn, err := s.dial(ctx)
		if err == nil {
			s.connected = true
			return conn, nil
		}
		delay = min(max(2*delay, firstDelay), maxDelay)
		s.log.Error("no connection to the crypto module", "socket", s.path, "error", err, "retry_in", delay)
	}
}

func (s *Socket) dial(ctx context.Context) (net.Conn, error) {
	info, err := os.Stat(filepath.Dir(s.path))
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&(syscall.S_IWGRP|syscall.S_IWOTH) != 0 {
		return nil, fmt.Errorf("%w: mode %04o", errFolder, info.Mode().Perm())
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", s.path)
}
