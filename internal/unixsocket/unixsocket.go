// Package unixsocket owns Unix sockets in the file system: who may reach one
// that this process makes, what it may replace, and who is at the other end. It
// must never decide whom to serve, nor whom to trust. internal/admin and
// cmd/trent import it; the crypto module has its own, stricter.
package unixsocket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxPathBytes is what the kernel takes.
const maxPathBytes = 107

// ErrInUse: another process listens on the socket.
var ErrInUse = errors.New("another server listens on this socket")

// Listener listens on a socket, which Close removes.
type Listener struct {
	*net.UnixListener
	folder *os.File // open where the path leads through its descriptor, else nil
}

// Listen makes a socket at path with a mode, of which only the permission bits
// count. It replaces one that a crash has left, and never one that a process
// listens on (ErrInUse) or a file of another kind. From its first moment on the
// socket lets in nobody whom the mode does not.
func Listen(path string, mode fs.FileMode) (*Listener, error) {
	path, folder, err := short(path)
	if err != nil {
		return nil, err
	}
	l := &Listener{folder: folder}
	if l.UnixListener, err = listen(path, mode); err != nil {
		return nil, errors.Join(err, l.closeFolder())
	}
	return l, nil
}

func listen(path string, mode fs.FileMode) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The file gets the mode of the socket that is bound: at first its owner's
	// alone, whatever the umask.
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), uint32(mode.Perm()&0o700)) })
		return errors.Join(controlErr, err)
	}}
	l, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := widen(path, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l.(*net.UnixListener), nil
}

// widen sets the mode of the socket at path, and of nothing to which somebody
// may have put a link there meanwhile.
func widen(path string, mode fs.FileMode) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s was replaced by another file", path)
	}
	return os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode.Perm()) // an O_PATH descriptor by itself cannot
}

// removeStale removes a socket on which nobody listens any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there already, and is no socket", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: path})
	if err == nil {
		return errors.Join(fmt.Errorf("%w: %s", ErrInUse, path), conn.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("is a process behind %s: %w", path, err)
	}
	return os.Remove(path)
}

// Close ends listening and removes the socket.
func (l *Listener) Close() error { return errors.Join(l.UnixListener.Close(), l.closeFolder()) }

func (l *Listener) closeFolder() error {
	if l.folder == nil {
		return nil
	}
	return l.folder.Close()
}

// Dial connects to the socket at path.
func Dial(ctx context.Context, path string) (*net.UnixConn, error) {
	path, folder, err := short(path)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: err}
	}
	if folder != nil {
		defer folder.Close()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// short returns a name of a socket's path that the kernel takes: a long one
// leads through a descriptor of its folder, which must stay open.
func short(path string) (string, *os.File, error) {
	if len(path) <= maxPathBytes {
		return path, nil, nil
	}
	dir, name := filepath.Split(path)
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	path = fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), name)
	if len(path) > maxPathBytes {
		return "", nil, errors.Join(fmt.Errorf("the socket's name %q is too long", name), folder.Close())
	}
	return path, folder, nil
}

// Peer asks the kernel which user is at the other end: who connected, or who
// listened.
func Peer(conn *net.UnixConn) (uid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
