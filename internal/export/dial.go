package export

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errAddress: no export may connect to that address.
var errAddress = errors.New("the address is not permitted")

// dialTimeout bounds making a connection.
const dialTimeout = 10 * time.Second

// refused are networks that no export reaches unless its configuration names
// them: this machine, what only its links have, and where clouds hand out the
// machine's credentials.
var refused = [...]struct{ prefix, what string }{
	{"0.0.0.0/8", "this machine"},
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local, and the metadata of clouds"},
	{"100.100.100.200/32", "a cloud's metadata"},
	{"168.63.129.16/32", "a cloud's metadata"},
	{"192.0.0.192/32", "a cloud's metadata"},
	{"224.0.0.0/4", "multicast"},
	{"255.255.255.255/32", "broadcast"},
	{"::/128", "this machine"},
	{"::1/128", "loopback"},
	{"fe80::/10", "link-local"},
	{"ff00::/8", "multicast"},
	{"fd00:ec2::/32", "a cloud's metadata"},
	{"fd20:ce::/32", "a cloud's metadata"},
	{"fd00:42::42/128", "a cloud's metadata"},
}

// dialer connects to where an export may go. It looks at the address that is
// really dialled: neither a name that means another address by then nor a
// redirect leads elsewhere.
type dialer struct {
	refused []netip.Prefix
	allow   []netip.Prefix   // permitted all the same
	exactly []netip.AddrPort // permitted all the same, the own listeners too
	own     func() []net.Addr
}

// newDialer takes the addresses that are permitted all the same: "192.0.2.0/24",
// or "127.0.0.1:8443" to mean one port.
func newDialer(allow []string, own func() []net.Addr) (*dialer, error) {
	d := &dialer{own: own}
	for _, r := range refused {
		p, err := netip.ParsePrefix(r.prefix)
		if err != nil {
			return nil, err
		}
		d.refused = append(d.refused, p)
	}
	for _, text := range allow {
		prefix, exact, err := ParseAllow(text)
		if err != nil {
			return nil, err
		}
		if exact.IsValid() {
			d.exactly = append(d.exactly, exact)
		} else {
			d.allow = append(d.allow, prefix)
		}
	}
	return d, nil
}

// ParseAllow reads what an export's allow can name: a network such as 10.0.0.0/8,
// or an address with a port, which is then valid.
func ParseAllow(text string) (network netip.Prefix, exact netip.AddrPort, err error) {
	if strings.Contains(text, "/") {
		network, err = netip.ParsePrefix(text)
		if err == nil && network != network.Masked() {
			err = fmt.Errorf("%s has bits behind its prefix: %s?", text, network.Masked())
		}
		if network.Addr().Is4In6() && err == nil {
			if network.Bits() < 96 {
				return network, exact, fmt.Errorf("%s is part of IPv4 only", text)
			}
			network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96) // as addresses are compared
		}
		return network, exact, err
	}
	exact, err = netip.ParseAddrPort(text)
	if err == nil && exact.Addr().Zone() != "" {
		err = fmt.Errorf("%s has a zone, which is not looked at", text)
	}
	return network, netip.AddrPortFrom(exact.Addr().Unmap(), exact.Port()), err
}

// dial connects.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n := net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	if network != "unix" {
		n.Control = func(_, address string, _ syscall.RawConn) error { return d.check(address) }
	}
	conn, err := n.DialContext(ctx, network, address)
	if err == nil && network == "unix" && d.isOwnSocket(address, conn.RemoteAddr().String()) {
		return nil, errors.Join(fmt.Errorf("%w: %s is a socket of this service", errAddress, address), conn.Close())
	}
	return conn, err
}

// isOwnSocket reports whether a path, or the one that who answers there listens at,
// is one of the service's, however links name it.
func (d *dialer) isOwnSocket(paths ...string) bool {
	for _, a := range d.own() {
		own, ok := a.(*net.UnixAddr)
		if !ok {
			continue
		}
		there, err := os.Stat(own.Name)
		for _, path := range paths {
			info, failure := os.Stat(path)
			if filepath.Clean(path) == filepath.Clean(own.Name) || err == nil && failure == nil && os.SameFile(info, there) {
				return true
			}
		}
	}
	return false
}

// dialTLS connects, and finds out who is there.
func (d *dialer) dialTLS(ctx context.Context, network, address string, settings *tls.Config) (*tls.Conn, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	t := tls.Client(conn, settings)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return t, nil
}

// check refuses an address with its port, as it is dialled.
func (d *dialer) check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errAddress, address)
	}
	at = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	if slices.Contains(d.exactly, at) {
		return nil
	}
	isOwn := func(ip netip.Addr) bool { return d.isOwn(netip.AddrPortFrom(ip, at.Port())) }
	if slices.ContainsFunc(meanings(at.Addr()), isOwn) {
		return fmt.Errorf("%w: %s is a listener of this service; allow names it with its port, if it is to be", errAddress, at)
	}
	for _, ip := range meanings(at.Addr()) {
		contains := func(p netip.Prefix) bool { return p.Contains(ip) }
		if i := slices.IndexFunc(d.refused, contains); i >= 0 && !slices.ContainsFunc(d.allow, contains) {
			return fmt.Errorf("%w: %s is %s; name it in allow, if it is to be", errAddress, at.Addr(), refused[i].what)
		}
	}
	return nil
}

// meanings are an address and the IPv4 address that a translator on the way would
// make of it.
func meanings(ip netip.Addr) []netip.Addr {
	all := []netip.Addr{ip}
	if ip.Is4() || ip.IsLoopback() || ip.IsUnspecified() {
		return all // ::1 and :: are no IPv4 addresses
	}
	b := ip.As16()
	for _, t := range [...]struct {
		prefix string
		at     int
	}{{"::/96", 12}, {"64:ff9b::/96", 12}, {"64:ff9b:1::/48", 12}, {"2002::/16", 2}} {
		if netip.MustParsePrefix(t.prefix).Contains(ip) {
			all = append(all, netip.AddrFrom4([4]byte(b[t.at:t.at+4])))
		}
	}
	return all
}

// isOwn reports whether one of the service's listeners is at an address.
func (d *dialer) isOwn(at netip.AddrPort) bool {
	for _, a := range d.own() {
		tcp, ok := a.(*net.TCPAddr)
		if !ok || tcp.Port != int(at.Port()) {
			continue
		}
		own := tcp.AddrPort().Addr().Unmap()
		// To connect to the unspecified address is to connect to this machine.
		if own == at.Addr() || at.Addr().IsUnspecified() || own.IsUnspecified() && isLocal(at.Addr()) {
			return true
		}
	}
	return false
}

// isLocal reports whether an address is this machine's.
func isLocal(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().WithZone("") == ip
	})
}
