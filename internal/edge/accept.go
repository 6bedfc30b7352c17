package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// maxConnections is how many connections a listener holds at once, where the
	// process may have the descriptors.
	maxConnections = 16 << 10
	// ownDescriptors are those that the process needs for itself: the store's and
	// the trail's files, the module, the listeners of metrics and of operators.
	ownDescriptors = 256
	// minConnections: with fewer a listener is of no use.
	minConnections = 16
)

// Share returns how many connections each of some listeners may hold, so that
// all of them together leave the process the descriptors that it needs itself:
// strangers must not be able to use those up.
func Share(listeners int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	needed := uint64(ownDescriptors + listeners*minConnections)
	if limit.Cur < needed {
		return 0, fmt.Errorf("this process may have %d open files and needs %d at least: raise the limit (ulimit -n, LimitNOFILE=)", limit.Cur, needed)
	}
	return int(min((limit.Cur-ownDescriptors)/uint64(listeners), maxConnections)), nil
}

const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
	// sayEvery is how often the log is told that nothing can be accepted.
	sayEvery = 10 * time.Second
)

// patient is a listener that goes on after what accept(2) cannot do for now:
// descriptors or memory that are missing, a connection that broke before it was
// accepted. A stranger can bring that about, and a server would end.
type patient struct {
	net.Listener
	log    *slog.Logger
	said   time.Time
	closed chan struct{}
	once   sync.Once
}

func newPatient(l net.Listener, log *slog.Logger) *patient {
	return &patient{Listener: l, log: log, closed: make(chan struct{})}
}

// Accept is called by one goroutine at a time.
func (l *patient) Accept() (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		conn, err := l.Listener.Accept()
		if err == nil || !passes(err) {
			return conn, err
		}
		if now := time.Now(); now.Sub(l.said) >= sayEvery {
			l.log.Warn("no connection can be accepted now", "address", l.Addr().String(), "error", err)
			l.said = now
		}
		select {
		case <-time.After(pause):
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

func (l *patient) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// passes reports whether an error of the kernel's may be none at the next try:
// each but those of a descriptor on which nobody can listen.
func passes(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && !slices.Contains([]syscall.Errno{syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EOPNOTSUPP, syscall.EFAULT}, errno)
}
