package export

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// TLS says whom an export trusts and as whom it comes. Files are read at each
// connection, so that they can be replaced.
type TLS struct {
	CA          string // PEM file of roots; "": the system's
	Certificate string // PEM file of a client certificate; "": none
	Key         string // its private key, which only the service's user can read
}

// clientTLS makes the settings of a connection to a server of that name.
func clientTLS(t *TLS, serverName string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if t == nil {
		return c, nil
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", t.CA)
		}
	}
	if t.Certificate == "" {
		return c, nil
	}
	certificate, err := os.ReadFile(t.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := readSecretFile(t.Key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Certificate, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// maxSecretBytes is more than a file with a secret has.
const maxSecretBytes = 64 << 10

// readSecretFile reads a file that only this process's user can read.
func readSecretFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := Private(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err == nil && len(b) > maxSecretBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSecretBytes)
	}
	return b, err
}

// Private refuses a file that others than this process's user can read.
func Private(info os.FileInfo) error {
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("is not a file")
	case owner != os.Geteuid() && owner != 0:
		return fmt.Errorf("belongs to user %d", owner)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("has mode %04o: others can read it", info.Mode().Perm())
	}
	return nil
}

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 64 << 10

// httpClient sends requests to one place.
type httpClient struct {
	client http.Client
	// secret: of the URL and of answers, which may repeat it, nothing is told.
	secret bool
}

// newHTTPClient follows no redirect, takes no proxy, and reads the files of t for
// each connection.
func newHTTPClient(d *dialer, t *TLS) *httpClient {
	transport := &http.Transport{
		Proxy: nil, DialContext: d.dial, DisableCompression: true, MaxResponseHeaderBytes: maxAnswerBytes, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			settings, err := clientTLS(t, host)
			if err != nil {
				return nil, err
			}
			return d.dialTLS(ctx, network, address, settings)
		},
	}
	return &httpClient{client: http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c *httpClient) close() { c.client.CloseIdleConnections() }

// send sends a request, once, and returns nil if the answer is a success.
func (c *httpClient) send(ctx context.Context, method, target string, body []byte, prepare func(*http.Request) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL cannot be used") // it may hold a secret
	}
	r.Header.Set("User-Agent", "trent")
	if err := prepare(r); err != nil {
		return err
	}
	res, err := c.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		if c.secret && repeats(err.Error(), r.URL) {
			return errors.New("it did not answer in HTTP") // and is not quoted
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return err
	}
	if c.secret {
		answer = nil
	}
	return judge(res, answer)
}

// repeats reports whether a text has a part of a URL's path or query that is long
// enough for a secret.
func repeats(text string, u *url.URL) bool {
	const least = 8
	parts := strings.FieldsFunc(u.Path+" "+u.EscapedPath()+" "+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/&= ", r) })
	return slices.ContainsFunc(parts, func(part string) bool { return len(part) >= least && strings.Contains(text, part) })
}

// judge makes an error of an answer that is no success.
func judge(res *http.Response, answer []byte) error {
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return &refusal{text: fmt.Sprintf("it answered %d, a redirect, and none is followed", res.StatusCode)}
	}
	return &refusal{
		text:     strings.TrimSuffix(fmt.Sprintf("it answered %d: %s", res.StatusCode, firstLine(answer)), ": "),
		after:    retryAfter(res.Header.Get("Retry-After"), time.Now()),
		tooLarge: res.StatusCode == http.StatusRequestEntityTooLarge,
	}
}

// firstLine is the beginning of a text, of printable ASCII.
func firstLine(b []byte) string {
	const most = 200
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(b[:min(len(b), most)]))
}

// retryAfter reads the header Retry-After: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(longestRetry/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
