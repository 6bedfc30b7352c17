package certificate_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/internal/certificate"
	"trent/internal/certificate/certtest"
)

// serial is the number of the certificate that a handshake would get now.
func serial(t *testing.T, f *certificate.Files) int64 {
	t.Helper()
	pair, err := f.Config().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.Int64()
}

// TestRefresh: what the files hold is taken over if it can be used; if not, it
// is said once, and the old pair stays.
func TestRefresh(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	dir := t.TempDir()
	one, two := certtest.New(t, 1, later), certtest.New(t, 2, later)
	certPath, keyPath := one.Write(t, dir)
	var log bytes.Buffer
	f, err := certificate.Open(certPath, keyPath, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, text []byte) func() {
		return func() {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	exposed := func(mode os.FileMode) func() {
		return func() {
			if err := os.Chmod(keyPath, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func() {
		if err := os.Remove(certPath); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		serial int64
		errors int // so far
	}{
		{"nothing", func() {}, 1, 0},
		{"a certificate without its key", write(certPath, two.Certificate), 1, 1},
		{"nothing more", func() {}, 1, 1},
		{"its key too", write(keyPath, two.Key), 2, 1},
		{"no PEM", write(certPath, []byte("nonsense")), 2, 2},
		{"no file", remove, 2, 3},
		{"still no file", func() {}, 2, 3},
		{"the same again", write(certPath, two.Certificate), 2, 3},
		{"the first again", func() { one.Write(t, dir) }, 1, 3},
		{"a pair whose key everybody reads", func() { two.Write(t, dir); exposed(0o644)() }, 1, 4},
		{"nothing more", func() {}, 1, 4},
		{"its key closed", exposed(0o640), 2, 4},
		{"its key opened again", exposed(0o604), 2, 5},
		{"and closed", exposed(0o600), 2, 5},
	} {
		step.change()
		f.Refresh()
		if got, errors := serial(t, f), strings.Count(log.String(), "level=ERROR"); got != step.serial || errors != step.errors {
			t.Errorf("%s: certificate %d, want %d; %d errors, want %d", step.name, got, step.serial, errors, step.errors)
		}
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("the log: %s", log.String())
	}
}

// TestWatch: a signal makes it read the files.
func TestWatch(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	dir := t.TempDir()
	f, err := func() (*certificate.Files, error) {
		certPath, keyPath := certtest.New(t, 1, later).Write(t, dir)
		return certificate.Open(certPath, keyPath, time.Now, slog.New(slog.DiscardHandler))
	}()
	if err != nil {
		t.Fatal(err)
	}
	certtest.New(t, 2, later).Write(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	signals, ended := make(chan os.Signal), make(chan struct{})
	go func() {
		defer close(ended)
		certificate.Watch(ctx, signals, f)
	}()
	signals <- syscall.SIGHUP
	signals <- syscall.SIGHUP // it is taken when the first one has been served
	if got := serial(t, f); got != 2 {
		t.Errorf("certificate %d after a signal", got)
	}
	cancel()
	<-ended
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	dir, other := t.TempDir(), t.TempDir()
	certPath, keyPath := certtest.New(t, 1, later).Write(t, dir)
	_, otherKey := certtest.New(t, 2, later).Write(t, other)
	if pair, err := certificate.Load(certPath, keyPath); err != nil || pair.Leaf == nil {
		t.Errorf("a pair: %v", err)
	}
	for name, paths := range map[string][2]string{
		"another's key": {certPath, otherKey}, "the wrong way round": {keyPath, certPath}, "no key": {certPath, filepath.Join(dir, "none")},
		"no certificate": {filepath.Join(dir, "none"), keyPath},
	} {
		if _, err := certificate.Load(paths[0], paths[1]); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := certificate.Open(paths[0], paths[1], time.Now, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s is opened", name)
		}
	}
}

// TestDoubts: dates are looked at when a certificate is replaced, as at the start.
func TestDoubts(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	end := time.Now().Add(30 * day)
	for want, now := range map[string]time.Time{
		"": end.Add(-15 * day), "the new certificate ends on": end.Add(-13 * day),
		"the new certificate has not been valid since": end.Add(time.Second), "the new certificate is not valid before": end.Add(-1000 * day),
	} {
		dir := t.TempDir()
		certPath, keyPath := certtest.New(t, 1, end).Write(t, dir)
		var log bytes.Buffer
		f, err := certificate.Open(certPath, keyPath, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			t.Fatal(err)
		}
		certtest.New(t, 2, end).Write(t, dir)
		f.Refresh()
		if got := log.String(); serial(t, f) != 2 || !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%q: certificate %d, %s", want, serial(t, f), got)
		}
	}
}
