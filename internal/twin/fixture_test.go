package twin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/edge"
	"trent/internal/hsm/client"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
	"trent/internal/twin/seed"
)

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

const (
	account = "111122223333"
	region  = "eu-west-1"
	day     = 24 * time.Hour
)

type object = map[string]any

// process is a real crypto module of a twin.
type process struct {
	log   *slog.Logger
	key   string
	child *supervisor.Child
}

func (p *process) source(bool) (client.Source, error) {
	p.child = supervisor.NewChild(os.Args[0], []string{servertest.Child, p.key}, p.log)
	return p.child, nil
}

func (p *process) Kill() error { return p.child.Kill() }

func (p *process) Close() { p.child.Close() }

// fixture is a twin over a folder that outlives it, and its address.
type fixture struct {
	*Twin
	dir, url string
	process  *process
	seed     *seed.File
	ahead    time.Duration // of the clock, when it is started
	admin    string        // path of the operators' socket; "": none
	stop     func() error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir()}
	f.start(t)
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) start(t *testing.T) {
	t.Helper()
	twin, err := Open(t.Context(), f.config(t))
	if err != nil {
		t.Fatal(err)
	}
	f.Twin = twin
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- twin.Listen(ctx, node.Listener{Socket: l, Config: edge.Config{Listener: "dev"}}) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, twin.Close())
	})
}

func (f *fixture) config(t *testing.T) Config {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	ahead := f.ahead
	f.process = &process{log: log, key: f.dir + "/module-key"}
	return Config{
		Node: node.Config{
			Data: f.dir, Dev: true, Audit: audit.Relaxed, RotateEvery: 10 * day, Log: log, Module: f.process.source,
			Now: func() time.Time { return time.Now().Add(ahead) }, AdminSocket: f.admin,
		},
		Module: f.process, Seed: f.seed,
	}
}

// do sends a request to /_trent/….
func (f *fixture) do(t *testing.T, method, path, body string, change ...func(*http.Request)) (status int, answer object) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		t.Fatalf("%s %s: %q is not JSON", method, path, b)
	}
	return res.StatusCode, answer
}

// post sends a request that must succeed.
func (f *fixture) post(t *testing.T, path, body string) object {
	t.Helper()
	status, answer := f.do(t, http.MethodPost, path, body)
	if status != http.StatusOK {
		t.Fatalf("POST %s: %d %v", path, status, answer)
	}
	return answer
}

// call makes a KMS request and returns its answer, and its error code.
func (f *fixture) call(t *testing.T, op string, in object) (out object, code string) {
	t.Helper()
	err := caller{f.Twin, f.Now, account, region}.call(t.Context(), op, "", in, &out)
	if refused, ok := errors.AsType[*apiError](err); ok {
		return nil, refused.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return out, ""
}

// must is call that must succeed.
func (f *fixture) must(t *testing.T, op string, in object) object {
	t.Helper()
	out, code := f.call(t, op, in)
	if code != "" {
		t.Fatalf("%s: %s", op, code)
	}
	return out
}

func (f *fixture) createKey(t *testing.T) string {
	t.Helper()
	return f.must(t, "CreateKey", object{})["KeyMetadata"].(object)["KeyId"].(string)
}

// restart stops the twin, and starts it again if it shall.
func (f *fixture) restart(t *testing.T, again bool) {
	t.Helper()
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if again {
		f.start(t)
	}
}
