package edge

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

// results is a listener whose Accepts end with these errors, one after the
// other; nil is a connection.
type results struct {
	net.Listener
	errs []error
	next int
}

func (r *results) Accept() (net.Conn, error) {
	r.next++
	if err := r.errs[r.next-1]; err != nil {
		return nil, err
	}
	return &net.TCPConn{}, nil
}

func (r *results) Addr() net.Addr { return &net.TCPAddr{} }
func (r *results) Close() error   { return nil }

// kernel is an error as the net package wraps what accept4 returns.
func kernel(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
}

// TestAcceptGoesOn: what a stranger can bring about ends no listener, and the
// log is told once; a descriptor that is no listener's does.
func TestAcceptGoesOn(t *testing.T) {
	t.Parallel()
	for _, passing := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO, syscall.ECONNABORTED, syscall.EPERM, syscall.ENETDOWN, syscall.EHOSTUNREACH,
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			l := newPatient(&results{errs: []error{kernel(passing), kernel(passing), kernel(passing), nil}}, slog.New(slog.NewTextHandler(&log, nil)))
			if c, err := l.Accept(); c == nil || err != nil {
				t.Errorf("after %v: %v", passing, err)
			}
			if n := bytes.Count(log.Bytes(), []byte("\n")); n != 1 {
				t.Errorf("three times %v: %d lines", passing, n)
			}
		})
	}
	for _, lasting := range []error{net.ErrClosed, kernel(syscall.EBADF), kernel(syscall.EINVAL), kernel(syscall.ENOTSOCK), kernel(syscall.EOPNOTSUPP)} {
		l := newPatient(&results{errs: []error{lasting}}, slog.New(slog.DiscardHandler))
		if _, err := l.Accept(); !errors.Is(err, lasting) {
			t.Errorf("%v: %v", lasting, err)
		}
	}
}

// TestAcceptEnds: who waits to accept is not waited for at the end.
func TestAcceptEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newPatient(&results{errs: []error{kernel(syscall.EMFILE), nil}}, slog.New(slog.DiscardHandler))
		accepted := make(chan error)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}
