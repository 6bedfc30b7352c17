package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func ensure(t *testing.T, folder string, now time.Time, names ...string) Files {
	t.Helper()
	f, err := Ensure(folder, names, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEnsure: certificates are used again as long as they can be, and made anew
// when they cannot.
func TestEnsure(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		spoil func(f Files) error
		later time.Duration
		names []string
		same  bool
	}{
		"at once":                    {later: 0, same: true},
		"after eleven months":        {later: 334 * 24 * time.Hour, same: true},
		"thirty days before its end": {later: 336 * 24 * time.Hour},
		"after its end":              {later: 400 * 24 * time.Hour},
		"before its time":            {later: -2 * time.Hour},
		"another name":               {names: []string{"trent"}},
		"another address":            {names: []string{"192.0.2.7"}},
		"a key that others can read": {spoil: func(f Files) error { return os.Chmod(f.Key, 0o640) }},
		"no authority":               {spoil: func(f Files) error { return os.Remove(f.Authority) }},
		"no certificate":             {spoil: func(f Files) error { return os.Remove(f.Certificate) }},
		"an empty key":               {spoil: func(f Files) error { return os.WriteFile(f.Key, nil, 0o600) }},
		"another's authority": {spoil: func(f Files) error {
			other, err := Ensure(filepath.Join(filepath.Dir(filepath.Dir(f.Key)), "other"), nil, now)
			if err != nil {
				return err
			}
			return os.Rename(other.Authority, f.Authority)
		}},
	} {
		folder := filepath.Join(t.TempDir(), "tls")
		f := ensure(t, folder, now)
		before := read(t, f.Certificate)
		if c.spoil != nil {
			if err := c.spoil(f); err != nil {
				t.Fatal(err)
			}
		}
		at := now.Add(c.later)
		f = ensure(t, folder, at, c.names...)
		if same := bytes.Equal(before, read(t, f.Certificate)); same != c.same {
			t.Errorf("%s: the same certificate %v", name, same)
		}
		if !f.fit(append(slices.Clone(c.names), loopback[:]...), at) {
			t.Errorf("%s: what there is cannot be used", name)
		}
		for path, mode := range map[string]os.FileMode{folder: 0o700, f.Key: 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %s: %v, %v", name, path, info, err)
			}
		}
	}
}

// TestHandshake: who trusts the authority is served by each of the names, and no
// other, with a key exchange that outlives a quantum computer.
func TestHandshake(t *testing.T) {
	t.Parallel()
	f := ensure(t, filepath.Join(t.TempDir(), "tls"), time.Now(), "trent.test")
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(t, f.Authority))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client's word counts
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	for name, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "trent.test": true, "example.com": false, "192.0.2.7": false} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if exchange := conn.ConnectionState().CurveID; exchange != tls.X25519MLKEM768 {
			t.Errorf("%s: key exchange %v", name, exchange)
		}
		conn.Close()
	}
}
