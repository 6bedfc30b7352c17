package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is a connected Unix socket that is read with blocking system calls,
// not through the runtime's poller: with the one connection that a module has,
// that saves an epoll_wait and two wake-ups for each batch (a third of the
// module's time when one request is in flight).
type Socket struct {
	fd int

	mu     sync.Mutex // writing and closing
	closed bool
}

var (
	_ io.ReadWriteCloser = (*Socket)(nil)
	_ busyReader         = (*Socket)(nil)
	_ tryWriter          = (*Socket)(nil)
)

// OpenSocket takes over an inherited descriptor, which must be a connected
// Unix stream socket.
func OpenSocket(fd int) (*Socket, error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	if domain != unix.AF_UNIX || kind != unix.SOCK_STREAM {
		return nil, fmt.Errorf("descriptor %d is not a Unix stream socket", fd)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return &Socket{fd: fd}, nil
}

// Read reads what there is, and waits if there is nothing.
func (s *Socket) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// ReadBusy is Read for a reader who expects more at once. If nothing is there
// yet, whoever else wants the processor has it first: the service, as a rule,
// which is about to send more. That takes the place of falling asleep and being
// woken for each request, which costs more than a command does.
func (s *Socket) ReadBusy(b []byte) (int, error) {
	if n, _, err := unix.Recvfrom(s.fd, b, unix.MSG_DONTWAIT); err == nil && n > 0 {
		return n, nil // the end of input and errors are Read's
	}
	unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	return s.Read(b)
}

// Write writes all of b.
func (s *Socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	written := 0
	for written < len(b) {
		n, err := unix.Write(s.fd, b[written:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// TryWrite writes as much of b as there is room for.
func (s *Socket) TryWrite(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	// x/sys's Send does not tell how much was sent.
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	default:
		return 0, errno
	}
}

// Close closes the socket. Only its reader may call it: a descriptor must not
// be closed, and given out anew by the kernel, under a blocked read.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return unix.Close(s.fd)
}

// maxConnections is how many clients may be connected at once: one service,
// its successor during an upgrade, and an operator's status call.
const maxConnections = 8

// listenBacklog is how many may wait to be accepted.
const listenBacklog = 8

// Listener accepts connections of allowed users on a socket in a folder of the
// file system.
type Listener struct {
	fd   int
	uids []uint32
}

// ErrFolder says that others can reach or replace the socket.
var ErrFolder = errors.New("socket folder refused")

// Listen listens at path. The processes of uids may connect. The folder must
// belong to the process's user and have mode 0700; if uids has others than
// that user, 0750 with a group that they share is accepted too. A socket that
// nobody listens on any more is replaced.
func Listen(path string, uids []uint32) (*Listener, error) {
	own := uint32(os.Geteuid())
	shared := slices.ContainsFunc(uids, func(uid uint32) bool { return uid != own })
	if err := checkFolder(filepath.Dir(path), own, shared); err != nil {
		return nil, err
	}
	// A module that binds is not to be taken for one that has gone, before it
	// listens: one start at a time.
	lock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unix.Close(lock)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := bind(fd, path); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	// Who may pass the folder may connect; who may stay is decided by the
	// peer's credentials.
	mode := uint32(0o600)
	if shared {
		mode = 0o666
	}
	if err := errors.Join(unix.Chmod(path, mode), unix.Listen(fd, listenBacklog)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	return &Listener{fd: fd, uids: slices.Clone(uids)}, nil
}

func checkFolder(dir string, own uint32, shared bool) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFolder, dir, err)
	}
	mode := st.Mode & 0o777
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%w: %s is not a folder", ErrFolder, dir)
	case st.Uid != own:
		return fmt.Errorf("%w: %s belongs to user %d", ErrFolder, dir, st.Uid)
	case mode == 0o700, shared && mode == 0o750:
		return nil
	default:
		return fmt.Errorf("%w: %s has mode %04o, not 0700", ErrFolder, dir, mode)
	}
}

// lockFolder waits until no other start of a module is between its bind and its
// listen in dir. Closing the descriptor ends the lock.
func lockFolder(dir string) (fd int, err error) {
	fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%w: %s: %w", ErrFolder, dir, err)
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(fd, unix.LOCK_EX)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("lock %s: %w", dir, err)
	}
	return fd, nil
}

// bind binds fd to path, over a socket that nobody listens on, and over
// nothing else.
func bind(fd int, path string) error {
	address := &unix.SockaddrUnix{Name: path}
	err := unix.Bind(fd, address)
	if err != unix.EADDRINUSE {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fmt.Errorf("%w by what is no socket", unix.EADDRINUSE)
	}
	probe, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(probe)
	if unix.Connect(probe, address) != unix.ECONNREFUSED {
		return unix.EADDRINUSE
	}
	if err := unix.Unlink(path); err != nil {
		return err
	}
	return unix.Bind(fd, address)
}

// Close ends Serve. The socket's file stays: after the sandbox nothing can be
// removed, and the next start replaces it.
func (l *Listener) Close() error { return unix.Shutdown(l.fd, unix.SHUT_RDWR) }

// Serve accepts and serves connections until the listener is closed (nil) or
// fails. Connections then still open live on until their peers end them.
func (s *Server) Serve(l *Listener) error {
	defer unix.Close(l.fd)
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
		switch err {
		case nil:
		case unix.EINTR, unix.ECONNABORTED:
			<-slots
			continue
		case unix.EINVAL: // shut down
			return nil
		default:
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			defer func() { <-slots }()
			s.serveAccepted(l, &Socket{fd: fd})
		}()
	}
}

func (s *Server) serveAccepted(l *Listener, socket *Socket) {
	peer, err := unix.GetsockoptUcred(socket.fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || !slices.Contains(l.uids, peer.Uid) {
		s.log.Error("connection refused: not an allowed user", "peer", peer, "error", err)
		socket.Close()
		return
	}
	s.log.Info("connected", "uid", peer.Uid, "pid", peer.Pid)
	err = s.ServeConn(socket)
	s.log.Info("disconnected", "uid", peer.Uid, "pid", peer.Pid, "error", err)
}
