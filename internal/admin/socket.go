package admin

import (
	"log/slog"
	"net"
	"os"
	"slices"
	"time"

	"trent/internal/unixsocket"
)

// SocketName is the socket's name in a data folder.
const SocketName = "admin.sock"

// A Socket is what a server listens on, and to which only admitted users get through.
type Socket struct {
	*unixsocket.Listener
	uids []uint32
	log  *slog.Logger

	// Of connections that were closed, for Accept's only caller:
	now    func() time.Time
	said   time.Time // when the log was told last
	unsaid int       // how many since then
}

// refusalEvery is how often the log is told of connections that were closed:
// whoever is not let in must not fill it.
const refusalEvery = time.Second

// Listen makes the socket at path. It replaces one that a crash has left, and
// never one that a server listens on (unixsocket.ErrInUse) or a file of another kind.
// Beside root and this process's user, the users uids are let in; only then do
// others than the owner get as far as being asked who they are: mode 0666
// instead of 0600.
func Listen(path string, uids []uint32, log *slog.Logger) (*Socket, error) {
	l := &Socket{uids: append([]uint32{0, uint32(os.Geteuid())}, uids...), log: log, now: time.Now}
	mode := os.FileMode(0o600)
	if len(uids) > 0 {
		mode = 0o666
	}
	var err error
	if l.Listener, err = unixsocket.Listen(path, mode); err != nil {
		return nil, err
	}
	return l, nil
}

// Accept returns the next connection of a user that is admitted. Anybody
// else's is closed. It is called by one goroutine at a time.
func (l *Socket) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := unixsocket.Peer(conn)
		if err == nil && slices.Contains(l.uids, uid) {
			return &peerConn{conn, uid}, nil
		}
		l.refused(uid, err)
		conn.Close()
	}
}

// refused tells the log of a connection that is closed, and of those before it
// about which it was not told.
func (l *Socket) refused(uid uint32, err error) {
	l.unsaid++
	if now := l.now(); now.Sub(l.said) >= refusalEvery {
		l.log.Warn("admin socket: connections were closed", "last_uid", uid, "connections", l.unsaid, "error", err)
		l.said, l.unsaid = now, 0
	}
}

// peerConn is a connection and the user at its other end.
type peerConn struct {
	net.Conn
	uid uint32
}
