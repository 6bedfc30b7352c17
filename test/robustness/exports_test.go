package robustness

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/export"
	"trent/test/harness"
)

// sink keeps everything that it is sent, by HTTP with its headers and by syslog.
type sink struct {
	mu  sync.Mutex
	got bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got.Bytes())
}

func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(s, r.Method, r.URL, r.Header)
	body, _ := io.ReadAll(r.Body)
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		body, _ = io.ReadAll(z)
	}
	s.Write(body)
}

// inExports delivers the trail to every kind of destination, and looks for secrets
// in what arrives, in the cursors and in the log; those of the exports too.
func inExports(t *testing.T, data string, list []needle) {
	t.Helper()
	segments, node := trailOf(t, data)
	var head audit.Head
	for i := range segments {
		if err := segments[i].Scan(func(r audit.Record) bool {
			head = audit.Head{Epoch: r.Epoch, Sequence: r.Sequence, Hash: r.Hash}
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	folder, state := t.TempDir(), t.TempDir()
	var hook, bucket, messages, log sink
	secret, accessSecret := randomBytes(canarySize), hex.EncodeToString(randomBytes(canarySize))
	list = append(slices.Clone(list), needles("a webhook's secret", secret)...)
	list = append(list, needle{"a bucket's secret access key", []byte(accessSecret)})
	private := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hookURL, hookTLS := destination(t, &hook, private)
	bucketURL, bucketTLS := destination(t, &bucket, private)
	loopback := []string{"127.0.0.0/8"}
	config := export.Config{
		Trail: filepath.Join(data, "audit"), State: state, Node: node, Head: func() audit.Head { return head }, Signed: func() audit.Head { return head },
		Record: func(context.Context, export.Notice) error { return nil }, Own: func() []net.Addr { return nil }, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, e := range []export.Export{
		{Name: "folder", Folder: folder},
		{Name: "hook", Allow: loopback, Webhook: &export.Webhook{URL: hookURL, SecretFile: private("secret", "whsec_"+base64.StdEncoding.EncodeToString(secret)), TLS: hookTLS}},
		{Name: "bucket", Allow: loopback, S3: &export.S3{Endpoint: bucketURL, Bucket: "example", Region: "eu-west-1", TLS: bucketTLS,
			CredentialsFile: private("credentials", "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = "+accessSecret+"\n")}},
		{Name: "refused", Webhook: &export.Webhook{URL: hookURL, SecretFile: private("secret", "whsec_"+base64.StdEncoding.EncodeToString(secret)), TLS: hookTLS}},
		{Name: "syslog", Allow: loopback, Syslog: &export.Syslog{Address: "tcp://" + collector(t, &messages), Facility: 13}},
	} {
		x, err := export.New(config, e)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { x.Run(ctx) })
		if !harness.Eventually(30*time.Second, func() bool {
			s := x.Status()
			return s.Sequence == head.Sequence && s.LagRecords == 0 || e.Name == "refused" && s.Failures > 0
		}) {
			t.Errorf("%+v", x.Status())
		}
		cancel()
		running.Wait()
	}
	var files sink
	if err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			_, err = io.Copy(&files, z)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	for what, s := range map[string]*sink{"folder": &files, "webhook": &hook, "bucket": &bucket, "syslog": &messages} {
		if n := strings.Count(string(s.bytes()), `"eventName":"Decrypt"`); n < 2 {
			t.Errorf("%s: %d Decrypts have arrived: this looks at the wrong place", what, n)
		}
		for _, found := range leaks(s.bytes(), list) {
			t.Errorf("what arrives at a %s holds %s", what, found)
		}
	}
	for _, found := range leaks(log.bytes(), list) {
		t.Errorf("the log of exports holds %s", found)
	}
	scan(t, state, list)
}

// trailOf is the one trail of a data folder.
func trailOf(t *testing.T, data string) (segments []audit.Segment, node [16]byte) {
	t.Helper()
	nodes, err := audit.Nodes(filepath.Join(data, "audit"))
	if err != nil || len(nodes) != 1 {
		t.Fatal(nodes, err)
	}
	segments, err = audit.Segments(filepath.Join(data, "audit"), nodes[0])
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	return segments, nodes[0]
}

// destination is an HTTPS server and who vouches for it.
func destination(t *testing.T, s *sink, private func(name, text string) string) (url string, trusted *export.TLS) {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, &export.TLS{CA: private("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))}
}

// collector takes syslog connections.
func collector(t *testing.T, s *sink) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(s, conn)
			}()
		}
	}()
	return l.Addr().String()
}
