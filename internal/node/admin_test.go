package node_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"trent/internal/admin"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
)

// newOperated is a node with an admin socket, and a client of it.
func newOperated(t *testing.T, change ...func(*node.Config)) (*fixture, *admin.Client) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
		c.AdminSocket = socket
		for _, change := range change {
			change(c)
		}
	})
	return f, admin.NewClient(socket)
}

// code is what an operator was refused for.
func code(err error) admin.Code {
	if e, ok := errors.AsType[*admin.Error](err); ok {
		return e.Code
	}
	return admin.Code(fmt.Sprint(err))
}

func TestStatusTellsOfTheWhole(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	same := true
	f, a := newOperated(t, func(c *node.Config) {
		c.SameUser = &same
		c.Listeners = []node.Listener{{Socket: listener}}
		c.Listeners[0].Config.Listener = "front"
	})
	ctx := t.Context()
	c := f.caller("test")
	first, second := c.createKey(t), c.createKey(t)
	c.must(t, "ScheduleKeyDeletion", map[string]any{"KeyId": second})
	c.must(t, "Encrypt", map[string]any{"KeyId": first, "Plaintext": []byte("x")})
	s, err := a.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != "ready" || s.Mode != admin.ModeDev || s.Data != f.dir || s.Partition != "aws" || s.PID != os.Getpid() || len(s.Node) != 32 {
		t.Errorf("%+v", s)
	}
	m := s.Module
	if m.State != "ready" || m.Source != admin.SourceChild || m.PID != f.child.Pid() || m.MaxRestarts != 5 || m.Version != "test" || !m.Development || m.SameUser == nil || !*m.SameUser {
		t.Errorf("module: %+v", m)
	}
	if s.Audit.Durability != "relaxed" || s.Audit.Epoch != 1 || s.Audit.Sequence == 0 || len(s.Audit.Hash) != 64 || s.Audit.Error != "" {
		t.Errorf("audit: %+v", s.Audit)
	}
	want := admin.Region{Name: "eu-west-1", Epoch: 1, Generation: 1, Generations: 1, Keys: admin.Count{N: 2}, PendingDeletions: admin.Count{N: 1}}
	if len(s.Regions) != 1 || len(s.Regions[0].DomainID) != 32 {
		t.Fatalf("Regions: %+v", s.Regions)
	}
	if want.DomainID = s.Regions[0].DomainID; s.Regions[0] != want {
		t.Errorf("Region: %+v", s.Regions[0])
	}
	if s.Accounts != (admin.Count{N: 1}) || s.Identity.Name != "global" || s.Identity.Generations != 1 {
		t.Errorf("%+v, %+v", s.Accounts, s.Identity)
	}
	address := listener.Addr().String()
	if len(s.Listeners) != 1 || s.Listeners[0] != (admin.Listener{Name: "front", Network: "tcp", Address: address}) {
		t.Errorf("listeners: %+v", s.Listeners)
	}
	if err := f.CloseTrail(); err != nil {
		t.Fatal(err)
	}
	if s, err = a.Status(ctx); err != nil || s.Audit.Error == "" {
		t.Errorf("an audit trail that takes no more: %+v, %v", s.Audit, err)
	}
	_ = f.Node.Close() // it cannot close its trail again
	f.child.Close()
	f.Node = nil
}

// TestDisabledAccount: the next request of a disabled account is refused, and
// its keys are there when it is enabled.
func TestDisabledAccount(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	c := f.caller("111122223333")
	key := c.createKey(t)
	for range 2 {
		c.must(t, "DescribeKey", map[string]any{"KeyId": key})
		if _, err := a.SetAccountDisabled(ctx, "111122223333", true); err != nil {
			t.Fatal(err)
		}
		if got := c.call("DescribeKey", map[string]any{"KeyId": key}); got.code != "UnrecognizedClientException" {
			t.Errorf("%+v", got)
		}
		f.caller("test").must(t, "ListKeys", "{}")
		if _, err := a.SetAccountDisabled(ctx, "111122223333", false); err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, "DescribeKey", map[string]any{"KeyId": key})
}

// TestDisablingHoldsAtOnce: a request that lies between two changes of its
// account has the answer of the state between them, however many come at once.
func TestDisablingHoldsAtOnce(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	const account, rounds = "111122223333", 30
	c := f.caller(account)
	c.must(t, "ListKeys", "{}")
	var changes atomic.Int64 // odd while one is under way; every second one disables
	var wait sync.WaitGroup
	defer wait.Wait()
	ended := make(chan struct{})
	defer close(ended)
	var seen [2]atomic.Int64 // answers in each state
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				before := changes.Load()
				got := c.call("ListKeys", "{}")
				if before%2 != 0 || changes.Load() != before {
					continue
				}
				disabled := before/2%2 == 1
				if refused := got.code == "UnrecognizedClientException"; refused != disabled || !refused && got.code != "" {
					t.Errorf("disabled %v: %+v", disabled, got)
				}
				seen[before/2%2].Add(1)
			}
		})
	}
	for round := range 2 * rounds {
		for seen[round%2].Load() <= int64(round/2) && !t.Failed() { // some answers in each state
			runtime.Gosched()
		}
		changes.Add(1)
		_, err := a.SetAccountDisabled(ctx, account, round%2 == 0)
		changes.Add(1)
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// TestNewRootKey: it signs at once, in any Region, and the one before does not.
func TestNewRootKey(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	account, err := a.CreateAccount(ctx, admin.CreateAccount{Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	var before caller
	for i := range 3 {
		k, err := a.NewRootKey(ctx, account.ID, admin.CreateRootKey{})
		if err != nil {
			t.Fatal(err)
		}
		c := caller{f, k.AccessKeyID, string(k.SecretAccessKey.Expose()), fmt.Sprintf("eu-west-%d", i+1)}
		arn := c.must(t, "CreateKey", "{}").str("KeyMetadata", "Arn")
		if !strings.HasPrefix(arn, "arn:aws:kms:"+c.region+":"+account.ID+":key/") {
			t.Errorf("%s", arn)
		}
		if i == 0 {
			before = c
			continue
		}
		if got := before.call("ListKeys", "{}"); got.code != "UnrecognizedClientException" || len(k.Deactivated) != 1 || k.Deactivated[0] != before.accessKey {
			t.Errorf("the key before: %+v; %q", got, k.Deactivated)
		}
		wrong := c
		wrong.secret = before.secret
		if got := wrong.call("ListKeys", "{}"); got.code != "InvalidSignatureException" {
			t.Errorf("another key's secret: %+v", got)
		}
		before = c
	}
}

// TestRefusals: what an operator can mend has a code.
func TestRefusals(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	c := f.caller("111122223333")
	key := c.createKey(t)
	c.must(t, "CreateAlias", map[string]any{"AliasName": "alias/twice", "TargetKeyId": key})
	other := c
	other.region = "eu-west-2"
	other.must(t, "CreateAlias", map[string]any{"AliasName": "alias/twice", "TargetKeyId": other.createKey(t)})
	for range 2 {
		if _, err := a.NewRootKey(ctx, "111122223333", admin.CreateRootKey{KeepEarlier: true}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		err  error
		want admin.Code
	}{
		"account exists":       {errorOf(a.CreateAccount(ctx, admin.CreateAccount{ID: "111122223333"})), admin.Exists},
		"account id":           {errorOf(a.CreateAccount(ctx, admin.CreateAccount{ID: "1"})), admin.InvalidRequest},
		"account name":         {errorOf(a.CreateAccount(ctx, admin.CreateAccount{Name: "\x1b[31m"})), admin.InvalidRequest},
		"no account":           {errorOf(a.Account(ctx, "999999999999")), admin.NotFound},
		"a path for account":   {errorOf(a.Account(ctx, "../status")), admin.NotFound},
		"disable nobody":       {errorOf(a.SetAccountDisabled(ctx, "999999999999", true)), admin.NotFound},
		"key for nobody":       {errorOf(a.NewRootKey(ctx, "999999999999", admin.CreateRootKey{})), admin.NotFound},
		"third root key":       {errorOf(a.NewRootKey(ctx, "111122223333", admin.CreateRootKey{KeepEarlier: true})), admin.Limit},
		"well-known key":       {errorOf(a.DeactivateRootKey(ctx, "111122223333", "111122223333")), admin.NotFound},
		"no key id":            {errorOf(a.Key(ctx, admin.KeyName{ID: "x"})), admin.InvalidRequest},
		"no such key":          {errorOf(a.Key(ctx, admin.KeyName{ID: "00000000-0000-0000-0000-000000000000"})), admin.NotFound},
		"alias of two Regions": {errorOf(a.Key(ctx, admin.KeyName{ID: "alias/twice"})), admin.Ambiguous},
		"Region not held":      {errorOf(a.Key(ctx, admin.KeyName{ID: key, Region: "eu-west-3"})), admin.NotFound},
		"global":               {errorOf(a.Keys(ctx, admin.KeyQuery{Region: "global"})), admin.NotFound},
		"list: Region":         {errorOf(a.Keys(ctx, admin.KeyQuery{Region: "eu-west-3"})), admin.NotFound},
		"list: account":        {errorOf(a.Keys(ctx, admin.KeyQuery{Account: "x/y"})), admin.InvalidRequest},
		"list: state":          {errorOf(a.Keys(ctx, admin.KeyQuery{State: "Gone"})), admin.InvalidRequest},
		"list: after":          {errorOf(a.Keys(ctx, admin.KeyQuery{After: "x"})), admin.InvalidRequest},
		"list: limit":          {errorOf(a.Keys(ctx, admin.KeyQuery{Limit: 1001})), admin.InvalidRequest},
	} {
		if got := code(test.err); got != test.want {
			t.Errorf("%s: %s (%v), want %s", name, got, test.err, test.want)
		}
	}
	if held := f.Domains.Held("eu-west-3"); held != nil {
		t.Error("a question made a Region")
	}
}

func errorOf[T any](_ T, err error) error { return err }

// TestAdminHTTP: what is not of the interface's form is refused, with an error
// of its form.
func TestAdminHTTP(t *testing.T) {
	t.Parallel()
	f, _ := newOperated(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
	}{
		"status":         {"GET", "/v1/status", "", 200},
		"unknown member": {"POST", "/v1/accounts", `{"nmae":"x"}`, 400},
		"no body":        {"POST", "/v1/accounts", "", 400},
		"two values":     {"POST", "/v1/accounts", `{} {}`, 400},
		"wrong type":     {"POST", "/v1/accounts", `{"id":1}`, 400},
		"large body":     {"POST", "/v1/accounts", `{"name":"` + strings.Repeat("x", 70_000) + `"}`, 400},
		"limit":          {"GET", "/v1/accounts?limit=0", "", 400},
		"method":         {"POST", "/v1/status", "", 404},
		"path":           {"GET", "/v2/status", "", 404},
		"root":           {"GET", "/", "", 404},
		"profiles":       {"GET", "/debug/pprof/goroutine?debug=1", "", 200},
		"large header":   {"GET", "/v1/status?" + strings.Repeat("x", 40_000), "", 431},
	} {
		conn, err := net.Dial("unix", f.AdminSocket)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: trent\r\nContent-Length: %d\r\n\r\n%s", test.method, test.path, len(test.body), test.body)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != test.status {
			t.Errorf("%s: %v, %v", name, answer, err)
		} else if body, _ := io.ReadAll(answer.Body); test.status/100 == 4 && test.status != 431 && !strings.HasPrefix(string(body), `{"error":{"code":"`) {
			t.Errorf("%s: %s", name, body)
		}
		conn.Close()
	}
}
