package node_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/hsm/client"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
	"trent/internal/wire"
)

func TestMain(m *testing.M) {
	servertest.Main()
	agingProcess()
	replicatingProcess()
	killedProcess()
	os.Exit(m.Run())
}

// fixture is a node over a folder that outlives it, with a real crypto module.
type fixture struct {
	*node.Node
	dir    string
	args   []string // of the module
	child  *supervisor.Child
	rotate time.Duration
	audit  audit.Mode
	tokens sync.Map           // session tokens, by access key id
	change func(*node.Config) // of its Config, at each opening; may be nil
	ahead  atomic.Int64       // of the clock, in nanoseconds
}

// now is the node's clock; signatures have the system's.
func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureRotating(t, 24*time.Hour)
}

func newFixtureRotating(t testing.TB, every time.Duration) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), args: servertest.Args(t), rotate: every, audit: audit.Relaxed}
	f.open(t)
	t.Cleanup(func() { f.close(t) })
	return f
}

// newFixtureWith has a node whose Config is changed.
func newFixtureWith(t testing.TB, args []string, change func(*node.Config)) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), args: args, rotate: 24 * time.Hour, audit: audit.Relaxed, change: change}
	f.open(t)
	t.Cleanup(func() { f.close(t) })
	return f
}

func (f *fixture) open(t testing.TB) {
	t.Helper()
	n, err := node.Open(t.Context(), f.config(t))
	if err != nil {
		t.Fatal(err)
	}
	f.Node = n
}

func (f *fixture) config(t testing.TB) node.Config {
	return f.configLogging(slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func (f *fixture) configLogging(log *slog.Logger) node.Config {
	c := node.Config{
		Data: f.dir, Dev: true, Audit: f.audit, RotateEvery: f.rotate, Now: f.now, Log: log,
		Module: func(bool) (client.Source, error) {
			f.child = supervisor.NewChild(os.Args[0], f.args, log)
			return f.child, nil
		},
	}
	if f.change != nil {
		f.change(&c)
	}
	return c
}

func (f *fixture) close(t testing.TB) {
	t.Helper()
	if f.Node == nil {
		return
	}
	if err := f.Node.Close(); err != nil {
		t.Error(err)
	}
	f.child.Close()
	f.Node = nil
}

// caller signs requests as an access key in a Region.
type caller struct {
	f                         *fixture
	accessKey, secret, region string
}

func (f *fixture) caller(accessKey string) caller { return caller{f, accessKey, "test", "eu-west-1"} }

// answer is what a call came to.
type answer struct {
	status    int
	code      string // "" on success
	message   string
	body      map[string]any
	requestID string
}

func (a answer) str(path ...string) string {
	var v any = a.body
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (c caller) call(op string, in any) answer {
	body, ok := in.(string)
	if !ok {
		b, err := json.Marshal(in)
		if err != nil {
			panic(err) // only maps of strings, numbers and bytes come here
		}
		body = string(b)
	}
	return c.send(context.Background(), op, body, time.Now())
}

// send gives the pipeline a request as the edge would.
func (c caller) send(ctx context.Context, op, body string, at time.Time) answer {
	r := c.request(op, body, at)
	got := c.f.Pipeline.Serve(ctx, &r, nil)
	a := answer{status: got.Status, requestID: got.RequestID}
	if len(got.Body) > 0 {
		if err := json.Unmarshal(got.Body, &a.body); err != nil {
			panic(fmt.Sprintf("answer is not JSON: %q", got.Body))
		}
	}
	a.code, a.message = a.str("__type"), a.str("message")
	return a
}

// request is a signed request as the edge gives it to the pipeline.
func (c caller) request(op, body string, at time.Time) wire.Request {
	return c.requestTo("localhost", op, body, at)
}

func (c caller) requestTo(host, op, body string, at time.Time) wire.Request {
	r := wire.Request{
		Method: "POST", Path: "/", Host: host, Body: []byte(body), Remote: netip.MustParseAddr("192.0.2.7"), Listener: "test", Received: at.Add(time.Until(c.f.Now())),
		Header: map[string][]string{
			"Content-Type": {wire.ContentType}, "X-Amz-Target": {"TrentService." + op}, "User-Agent": {"node test"},
			"X-Amz-Date": {at.UTC().Format("20060102T150405Z")},
		},
	}
	r.Aim()
	c.sign(&r, "kms", at)
	return r
}

// sign is Signature Version 4, written down once more from its specification.
func (c caller) sign(r *wire.Request, service string, at time.Time) {
	if token, ok := c.f.tokens.Load(c.accessKey); ok {
		r.Header["X-Amz-Security-Token"] = []string{token.(string)}
	}
	date := at.UTC().Format("20060102")
	scope := strings.Join([]string{date, c.region, service, "aws4_request"}, "/")
	headers, signed := fmt.Sprintf("content-type:%s\nhost:%s\nx-amz-date:%s\n", r.First("Content-Type"), r.Host, r.First("X-Amz-Date")), "content-type;host;x-amz-date"
	for _, name := range []string{"X-Amz-Security-Token", "X-Amz-Target"} {
		if v := r.First(name); v != "" {
			headers, signed = headers+strings.ToLower(name)+":"+v+"\n", signed+";"+strings.ToLower(name)
		}
	}
	body := sha256.Sum256(r.Body)
	canonical := fmt.Sprintf("POST\n/\n\n%s\n%s\n%x", headers, signed, body)
	hash := sha256.Sum256([]byte(canonical))
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.First("X-Amz-Date"), scope, hash)
	key := []byte("AWS4" + c.secret)
	for _, part := range []string{date, c.region, service, "aws4_request", toSign} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	r.Header["Authorization"] = []string{fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		c.accessKey, scope, signed, hex.EncodeToString(key))}
}

// must calls and fails the test unless it succeeds.
func (c caller) must(t *testing.T, op string, in any) answer {
	t.Helper()
	a := c.call(op, in)
	if a.code != "" {
		t.Fatalf("%s: %s: %s", op, a.code, a.message)
	}
	return a
}

func (c caller) createKey(t *testing.T) string {
	t.Helper()
	return c.must(t, "CreateKey", "{}").str("KeyMetadata", "KeyId")
}

// records reads the audit trail of a closed node, as JSON, but for the records of
// what the service does by itself: every node begins with those of the keys that
// sign the trail.
func (f *fixture) records(t *testing.T) (all []map[string]any) {
	t.Helper()
	for r, err := range audit.Records(f.dir + "/audit") {
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(r.JSON, &m); err != nil {
			t.Fatal(err)
		}
		if name, _ := m["eventName"].(string); !slices.Contains([]string{"CreateAuditKey", "CreateDomain", "RotateDomainKey", "StartModule"}, name) {
			all = append(all, m)
		}
	}
	return all
}

// mustNotOpen fails the test if the node opens.
func (f *fixture) mustNotOpen(t *testing.T) {
	t.Helper()
	n, err := node.Open(t.Context(), f.config(t))
	if err == nil {
		n.Close()
		t.Error("the service opened")
	}
}
