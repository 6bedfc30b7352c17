package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// SocketName is the socket's name in a data folder.
const SocketName = "admin.sock"

// maxSocketPath is what the kernel takes, in bytes.
const maxSocketPath = 107

// ErrInUse: another server listens on the socket.
var ErrInUse = errors.New("admin: another server listens on this socket")

// A Socket is what a server listens on, and to which only admitted users get through.
type Socket struct {
	*net.UnixListener
	uids   []uint32
	log    *slog.Logger
	folder *os.File // open where the path leads through its descriptor, else nil
}

// Listen makes the socket at path. It replaces one that a crash has left, and
// never one that a server listens on (ErrInUse) or a file of another kind.
// Beside root and this process's user, the users uids are let in; only then do
// others than the owner get as far as being asked who they are: mode 0666
// instead of 0600.
func Listen(path string, uids []uint32, log *slog.Logger) (*Socket, error) {
	l := &Socket{uids: append([]uint32{0, uint32(os.Geteuid())}, uids...), log: log}
	path, folder, err := short(path)
	if err != nil {
		return nil, err
	}
	l.folder = folder
	if err := l.listen(path, len(uids) > 0); err != nil {
		return nil, errors.Join(err, l.closeFolder())
	}
	return l, nil
}

func (l *Socket) listen(path string, shared bool) error {
	if err := removeStale(path); err != nil {
		return err
	}
	unixListener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return err
	}
	mode := os.FileMode(0o600)
	if shared {
		mode = 0o666
	}
	// Until now the mode was the process's umask's; whom it let in is asked all the same.
	if err := os.Chmod(path, mode); err != nil {
		return errors.Join(err, unixListener.Close())
	}
	l.UnixListener = unixListener
	return nil
}

// removeStale removes a socket on which nobody listens any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there already, and is no socket", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: path})
	if err == nil {
		return errors.Join(fmt.Errorf("%w: %s", ErrInUse, path), conn.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("is a server behind %s: %w", path, err)
	}
	return os.Remove(path)
}

// short returns a name of a socket's path that the kernel takes: a long one
// leads through a descriptor of its folder, which must stay open.
func short(path string) (string, *os.File, error) {
	if len(path) <= maxSocketPath {
		return path, nil, nil
	}
	dir, name := filepath.Split(path)
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	path = fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), name)
	if len(path) > maxSocketPath {
		return "", nil, errors.Join(fmt.Errorf("the socket's name %q is too long", name), folder.Close())
	}
	return path, folder, nil
}

// Accept returns the next connection of a user that is admitted. Anybody
// else's is closed.
func (l *Socket) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peer(conn)
		if err == nil && slices.Contains(l.uids, uid) {
			return &peerConn{conn, uid}, nil
		}
		l.log.Warn("admin socket: a connection was closed", "uid", uid, "error", err)
		conn.Close()
	}
}

// Close ends listening and removes the socket.
func (l *Socket) Close() error {
	return errors.Join(l.UnixListener.Close(), l.closeFolder())
}

func (l *Socket) closeFolder() error {
	if l.folder == nil {
		return nil
	}
	return l.folder.Close()
}

// peerConn is a connection and the user at its other end.
type peerConn struct {
	net.Conn
	uid uint32
}

// peer asks the kernel who connected.
func peer(conn *net.UnixConn) (uid uint32, err error) {
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
