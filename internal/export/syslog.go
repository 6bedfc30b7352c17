package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Syslog is a collector that takes messages of RFC 5424, each with its length
// before it (RFC 6587, octet counting), over TLS (RFC 5425), TCP or a Unix stream
// socket. There is no UDP, which would lose records.
type Syslog struct {
	Address  string // tls://host:6514, tcp://host:601, unix:///path
	Facility int    // 0 to 23
	TLS      *TLS   // for tls
}

// severity of every message: informational.
const severity = 6

type collector struct {
	Syslog
	d                *dialer
	network, address string
	host             string

	conn net.Conn    // nil: none
	raw  net.Conn    // below conn's TLS
	gone atomic.Bool // the other side has closed, or said what it has no reason to say
}

func newSyslog(s *Syslog, d *dialer) (destination, error) {
	u, err := url.Parse(s.Address)
	if err != nil {
		return nil, errors.New("the syslog address cannot be used")
	}
	c := &collector{Syslog: *s, d: d, network: "tcp", address: u.Host, host: hostName()}
	switch u.Scheme {
	case "unix":
		c.network, c.address = "unix", u.Path
	case "tcp", "tls":
	default:
		return nil, fmt.Errorf("syslog over %q: want tls, tcp or unix", u.Scheme)
	}
	return c, nil
}

// hostName is the machine's name as a message takes it.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return absent
	}
	return printable(name, 255)
}

// printable keeps printable ASCII without spaces, as RFC 5424's header wants.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return orAbsent(s[:min(len(s), most)])
}

func (c *collector) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.raw = nil, nil
	}
}

// deliver writes the batch and waits until the other machine has acknowledged
// every byte: more than that syslog does not know.
func (c *collector) deliver(ctx context.Context, b *batch) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil || c.gone.Load() {
		c.close()
		if err := c.connect(ctx); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := c.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	conn := c.conn
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	w := bufio.NewWriterSize(c.conn, 64<<10)
	var message []byte
	for i := range b.records {
		message = c.message(message[:0], &b.records[i])
		w.WriteString(strconv.Itoa(len(message)))
		w.WriteByte(' ')
		w.Write(message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.drained(ctx)
}

// message is one record: RFC 5424 with the record's JSON as its text.
func (c *collector) message(dst []byte, e *event) []byte {
	dst = fmt.Appendf(dst, "<%d>1 %s %s trent - %s - ", c.Facility*8+severity, e.time.Format(time.RFC3339), c.host, printable(e.name, 32))
	return append(dst, e.json...)
}

func (c *collector) connect(ctx context.Context) error {
	if !strings.HasPrefix(c.Address, "tls:") {
		conn, err := c.d.dial(ctx, c.network, c.address)
		if err != nil {
			return err
		}
		c.conn, c.raw = conn, conn
	} else {
		host, _, err := net.SplitHostPort(c.address)
		if err != nil {
			return err
		}
		settings, err := clientTLS(c.TLS, host)
		if err != nil {
			return err
		}
		conn, err := c.d.dialTLS(ctx, c.network, c.address, settings)
		if err != nil {
			return err
		}
		c.conn, c.raw = conn, conn.NetConn()
	}
	c.gone.Store(false)
	go c.listen(c.conn)
	return nil
}

// listen learns that the other side has closed: it has nothing else to say.
func (c *collector) listen(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
	c.gone.Store(true)
}

// pollEvery is how often the kernel is asked what it has left to send.
const pollEvery = 5 * time.Millisecond

var errClosed = errors.New("the collector has closed the connection")

// drained waits until nothing is left in the socket that the other side has not
// acknowledged.
func (c *collector) drained(ctx context.Context) error {
	s, ok := c.raw.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := s.SyscallConn()
	if err != nil {
		return err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		left, gone, failure := 0, false, error(nil)
		if err := rc.Control(func(fd uintptr) {
			if left, failure = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); failure == nil && left == 0 {
				gone, failure = hungUp(fd)
			}
		}); err != nil {
			return err
		}
		switch {
		case failure != nil:
			return failure
		case gone || c.gone.Load():
			return errClosed
		case left == 0:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// hungUp reports whether the other side has closed. A close also empties what it
// has not read of a Unix socket, which then looks as if it was taken: so this is
// asked after.
func hungUp(fd uintptr) (bool, error) {
	const closed = unix.POLLHUP | unix.POLLERR | unix.POLLRDHUP
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		_, err := unix.Poll(p, 0)
		if !errors.Is(err, unix.EINTR) {
			return p[0].Revents&closed != 0, err
		}
	}
}
