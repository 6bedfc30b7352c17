// Package certificate owns a listener's TLS certificate: read from two PEM
// files, served as TLS 1.2 or 1.3, and replaced while it is in use when the
// files change. A pair that cannot be used never takes the place of one that
// can. It must never log a key, and opens no listener. internal/config and
// cmd/trent import it.
package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Period is how often Watch looks whether the files have changed.
const Period = 10 * time.Second

// warnBefore is how long before a certificate's end Doubt says so.
const warnBefore = 14 * 24 * time.Hour

// ErrExposed: everybody can read or change the private key's file.
var ErrExposed = errors.New("everybody can read or change the private key")

// Doubt says what is wrong with a certificate's dates; "" if nothing is. It is
// served all the same: clients and this machine may differ about the time.
func Doubt(leaf *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(leaf.NotBefore):
		return "is not valid before " + leaf.NotBefore.Format(time.RFC3339)
	case now.After(leaf.NotAfter):
		return "has not been valid since " + leaf.NotAfter.Format(time.RFC3339)
	case now.Add(warnBefore).After(leaf.NotAfter):
		return "ends on " + leaf.NotAfter.Format(time.RFC3339)
	}
	return ""
}

// Load reads a pair of PEM files: a certificate with those that lead to its
// root, and its private key. The error wraps ErrExposed, or says what is wrong
// with the files.
func Load(certificate, key string) (*tls.Certificate, error) {
	f := Files{certificate: certificate, key: key}
	_, certPEM, keyPEM, err := f.read()
	if err != nil {
		return nil, err
	}
	defer clear(keyPEM)
	return f.parse(certPEM, keyPEM)
}

// Files is a certificate that is in use.
type Files struct {
	certificate, key string
	log              *slog.Logger
	now              func() time.Time
	pair             atomic.Pointer[tls.Certificate]
	seen             digest // of what the files held when they were last read
}

type digest [sha256.Size]byte

// Open reads a pair of PEM files for use. now is the time of the warnings.
func Open(certificate, key string, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, now: now, log: log}
	if _, err := f.refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Config serves the certificate with TLS 1.2 or 1.3. Key exchange is Go's
// choice, which prefers X25519MLKEM768.
func (f *Files) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Of TLS 1.2: authenticated encryption with forward secrecy. TLS 1.3 has no other.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.pair.Load(), nil },
	}
}

// Watch refreshes certificates every Period, and when an operator says so with
// a signal, until the context ends.
func Watch(ctx context.Context, signals <-chan os.Signal, all ...*Files) {
	tick := time.NewTicker(Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-signals:
		}
		for _, f := range all {
			f.Refresh()
		}
	}
}

// Refresh reads the files again, and takes over what they hold if it has
// changed and can be used. A connection that stands keeps the certificate that
// it began with.
func (f *Files) Refresh() {
	switch changed, err := f.refresh(); {
	case err != nil && changed:
		f.log.Error("the new certificate cannot be used, the old one stays", "file", f.certificate, "error", err)
	case changed:
		leaf := f.pair.Load().Leaf
		f.log.Info("certificate replaced", "file", f.certificate, "not_after", leaf.NotAfter)
		if doubt := Doubt(leaf, f.now()); doubt != "" {
			f.log.Warn("the new certificate "+doubt, "file", f.certificate)
		}
	}
}

// refresh takes over what the files hold now. It reports whether that is
// another thing than when it was last called.
func (f *Files) refresh() (changed bool, err error) {
	sum, certPEM, keyPEM, err := f.read()
	defer clear(keyPEM)
	changed = sum != f.seen
	f.seen = sum
	if err != nil || !changed {
		return changed, err
	}
	pair, err := f.parse(certPEM, keyPEM)
	if err != nil {
		return changed, err
	}
	f.pair.Store(pair)
	return changed, nil
}

// read reads both files. What is not there, and a key that is not read because
// it is exposed, counts as empty.
func (f *Files) read() (sum digest, certPEM, keyPEM []byte, err error) {
	if certPEM, err = os.ReadFile(f.certificate); err == nil {
		keyPEM, err = readKey(f.key)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %d ", len(certPEM), len(keyPEM))
	h.Write(certPEM)
	h.Write(keyPEM)
	h.Sum(sum[:0])
	return sum, certPEM, keyPEM, err
}

// readKey reads a private key, unless others than its owner and group could.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o", ErrExposed, path, mode)
	}
	return io.ReadAll(f)
}

func (f *Files) parse(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.certificate, f.key, err)
	}
	return &pair, nil
}
