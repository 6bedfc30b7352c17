package export

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestRefusedAddresses: what an export may dial, by the address that is dialled.
func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	own := func() []net.Addr {
		return []net.Addr{
			&net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 8443}, &net.TCPAddr{IP: net.IPv6unspecified, Port: 9443},
			&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9464}, &net.UnixAddr{Name: "/run/trent/kms.sock", Net: "unix"},
		}
	}
	for _, c := range []struct {
		address string
		allow   []string
		refused bool
	}{
		{"192.0.2.1:443", nil, false},
		{"10.1.2.3:443", nil, false},
		{"[2001:db8::1]:443", nil, false},
		{"[fd12:3456::1]:443", nil, false},
		{"127.0.0.1:443", nil, true},
		{"127.9.9.9:443", nil, true},
		{"0.0.0.0:443", nil, true},
		{"0.1.2.3:443", nil, true},
		{"[::]:443", nil, true},
		{"[::1]:443", nil, true},
		{"[::ffff:127.0.0.1]:443", nil, true},
		{"[::127.0.0.1]:443", nil, true},
		{"[64:ff9b::7f00:1]:443", nil, true},
		{"[64:ff9b::a9fe:a9fe]:80", nil, true},
		{"[64:ff9b:1::a9fe:a9fe]:80", nil, true},
		{"[2002:7f00:1::]:443", nil, true},
		{"[64:ff9b::c000:201]:443", nil, false},
		{"169.254.169.254:80", nil, true},
		{"169.254.0.1:80", nil, true},
		{"[fe80::1%eth0]:443", nil, true},
		{"[fd00:ec2::254]:80", nil, true},
		{"[fd20:ce::254]:80", nil, true},
		{"100.100.100.200:80", nil, true},
		{"168.63.129.16:80", nil, true},
		{"224.0.0.1:443", nil, true},
		{"255.255.255.255:443", nil, true},
		{"[ff02::1]:443", nil, true},
		{"localhost:443", nil, true}, // no address
		// The own listeners.
		{"198.51.100.7:8443", nil, true},
		{"198.51.100.7:443", nil, false},
		{"0.0.0.0:9464", []string{"0.0.0.0/8"}, true},
		{"0.0.0.0:8443", []string{"0.0.0.0/8"}, true},
		{"[::]:9464", []string{"::/128"}, true},
		{"[::ffff:0.0.0.0]:9464", []string{"0.0.0.0/8"}, true},
		{"0.0.0.0:7000", []string{"0.0.0.0/8"}, false},
		{"127.0.0.1:9443", []string{"127.0.0.0/8"}, true},
		{"[::1]:9443", []string{"::1/128"}, true},
		{"127.0.0.1:9464", []string{"127.0.0.1/32"}, true},
		{"[::ffff:127.0.0.1]:9464", []string{"127.0.0.1/32"}, true},
		{"127.0.0.1:9464", []string{"127.0.0.1:9464"}, false},
		{"198.51.100.7:8443", []string{"198.51.100.7:8443"}, false},
		// What is named.
		{"127.0.0.1:443", []string{"127.0.0.1/32"}, false},
		{"127.0.0.2:443", []string{"127.0.0.1/32"}, true},
		{"127.0.0.1:443", []string{"127.0.0.1:443"}, false},
		{"127.0.0.1:444", []string{"127.0.0.1:443"}, true},
		{"[::1]:443", []string{"127.0.0.0/8"}, true},
		{"[::1]:443", []string{"::1/128"}, false},
		{"[::]:443", []string{"::/128"}, false},
		{"[::2]:443", []string{"::/96"}, true}, // 0.0.0.2
		{"127.0.0.1:443", []string{"::ffff:127.0.0.0/104"}, false},
		{"128.0.0.1:443", []string{"::ffff:127.0.0.0/104"}, false},
		{"169.254.0.1:443", []string{"::ffff:127.0.0.0/104"}, true},
		{"127.0.0.1:9000", []string{"[::ffff:127.0.0.1]:9000"}, false},
		{"[::ffff:127.0.0.1]:443", []string{"127.0.0.0/8"}, false},
		{"169.254.7.7:443", []string{"10.0.0.0/8", "169.254.7.0/24"}, false},
		{"[fe80::1%eth0]:443", []string{"fe80::/10"}, false},
	} {
		d, err := newDialer(c.allow, own)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.check(c.address); errors.Is(err, errAddress) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s, allow %v: %v; want refused: %v", c.address, c.allow, err, c.refused)
		}
	}
	for _, wrong := range []string{"", "10.0.0.1", "10.0.0.1/8", "localhost:1", "10.0.0.0/33", "any", "::ffff:0:0/95", "::ffff:0.0.0.0/80", "[fe80::1%eth0]:443"} {
		if _, err := newDialer([]string{wrong}, own); err == nil {
			t.Errorf("allow %q is taken", wrong)
		}
	}
}

// TestDialLooksAtTheAddress: a name that means loopback is refused when it is
// dialled, on each network.
func TestDialLooksAtTheAddress(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, allow := range [][]string{nil, {"127.0.0.0/8", "::1/128"}} {
		d, err := newDialer(allow, func() []net.Addr { return nil })
		if err != nil {
			t.Fatal(err)
		}
		conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("localhost", port))
		if err == nil {
			conn.Close()
		}
		if (allow == nil) != errors.Is(err, errAddress) {
			t.Errorf("allow %v: %v", allow, err)
		}
	}
}

// TestOwnSocket: no link leads to a socket that this service listens at.
func TestOwnSocket(t *testing.T) {
	t.Parallel()
	folder := shortFolder(t)
	own, link, other := filepath.Join(folder, "admin"), filepath.Join(folder, "link"), filepath.Join(folder, "other")
	for _, path := range []string{own, other} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if err := os.Symlink(own, link); err != nil {
		t.Fatal(err)
	}
	d, err := newDialer(nil, func() []net.Addr { return []net.Addr{&net.UnixAddr{Name: own, Net: "unix"}} })
	if err != nil {
		t.Fatal(err)
	}
	for path, refused := range map[string]bool{own: true, link: true, folder + "/./admin": true, other: false} {
		conn, err := d.dial(t.Context(), "unix", path)
		if err == nil {
			conn.Close()
		}
		if errors.Is(err, errAddress) != refused {
			t.Errorf("%s: %v", path, err)
		}
	}
}
