package iam_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/hsm/client"
	hsmidentity "trent/internal/hsm/client/identity"
	"trent/internal/hsm/client/jobs"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor"
	"trent/internal/iam"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

const account = "111122223333"

// fixture is IAM over a real store and a real crypto module, without what the
// pipeline does before and after an operation.
type fixture struct {
	t       *testing.T
	api     *call.QueryAPI
	store   store.Store
	dir     *identity.Directory
	records *record.Sealer
	caller  identity.Caller // root
	ids     audit.IDs
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(log)
	m, err := domains.Open(t.Context(), domains.Config{
		Store: st, Module: jobs.New(c), Dev: true, Partition: "aws", RotateEvery: time.Hour, Now: time.Now, Log: log,
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	child := supervisor.NewChild(os.Args[0], servertest.Args(t), log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, child, m.Load)
	}()
	for !c.Ready() {
		runtime.Gosched()
	}
	global, err := m.Region(ctx, domains.Global)
	if err != nil {
		t.Fatal(err)
	}
	d := identity.New(identity.Config{
		Store: st, Module: hsmidentity.New(c), Partition: "aws", Now: time.Now, Log: log,
		Records: func() (*record.Sealer, error) { return global.Records, nil },
	})
	t.Cleanup(func() {
		d.Close()
		cancel()
		<-ended
		child.Close()
		st.Close()
	})
	f := &fixture{t: t, api: iam.New(iam.Config{Identity: d, Regions: m}), store: st, dir: d, records: global.Records}
	if _, err := d.CreateAccount(ctx, identity.Operator{}, account, "test"); err != nil {
		t.Fatal(err)
	}
	if f.caller, err = d.Principal(ctx, "arn:aws:iam::"+account+":root"); err != nil {
		t.Fatal(err)
	}
	return f
}

// an answer is what an operation came to: the result's elements, or an error.
type answer struct {
	xml     string
	subject call.Subject
	err     error
}

// do runs an operation with parameters, of which names and values alternate.
func (f *fixture) do(operation string, params ...string) answer {
	return f.as(f.caller, operation, params...)
}

func (f *fixture) as(caller identity.Caller, operation string, params ...string) answer {
	f.t.Helper()
	op := f.api.Operations[operation]
	if op == nil {
		f.t.Fatalf("no operation %s", operation)
	}
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	p, err := query.Parse([]byte(form.Encode()))
	if err != nil {
		return answer{err: err}
	}
	in, d := op.New(), query.NewDecoder(p)
	in.Decode(d)
	if err := d.Err(); err != nil {
		return answer{err: err}
	}
	c := &call.Query{
		Common: call.Common{Caller: caller, Region: "us-east-1", Partition: "aws", Time: time.Now(), EventID: f.ids.New()},
		API:    f.api, Operation: op, Records: f.records,
	}
	for {
		s, err := in.Subject(f.t.Context(), c)
		if err != nil {
			return answer{err: err}
		}
		out := query.NewXML(nil)
		if err = in.Run(f.t.Context(), c, out); !errors.Is(err, call.ErrConflict) {
			return answer{string(out.Bytes()), s, err}
		}
	}
}

// ok is do of what must succeed.
func (f *fixture) ok(operation string, params ...string) answer {
	f.t.Helper()
	a := f.do(operation, params...)
	if a.err != nil {
		f.t.Fatalf("%s %q: %v", operation, params, a.err)
	}
	return a
}

// refused is do of what must be refused with a code and a text.
func (f *fixture) refused(code apierr.Code, message, operation string, params ...string) {
	f.t.Helper()
	a := f.do(operation, params...)
	if e, ok := errors.AsType[*apierr.Error](a.err); !ok || e.Code != code || e.Message != message {
		f.t.Errorf("%s %q: %v, want %s: %s", operation, params, a.err, code, message)
	}
}

// all are the texts of the elements of a name, in their order.
func (a answer) all(element string) (texts []string) {
	for _, m := range regexp.MustCompile("<"+element+">([^<]*)</").FindAllStringSubmatch(a.xml, -1) {
		texts = append(texts, m[1])
	}
	return texts
}

// one is the text of an element that stands once; "" if it does not.
func (a answer) one(element string) string {
	if all := a.all(element); len(all) == 1 {
		return all[0]
	}
	return ""
}

// list reads a list to its end, page by page, and returns an element's texts.
func (f *fixture) list(element, operation string, params ...string) (texts []string) {
	f.t.Helper()
	for marker := []string(nil); ; {
		a := f.ok(operation, append(params, marker...)...)
		texts = append(texts, a.all(element)...)
		next := a.one("Marker")
		if (a.one("IsTruncated") == "true") != (next != "") {
			f.t.Fatalf("%s: %s", operation, a.xml)
		}
		if next == "" {
			return texts
		}
		marker = []string{"Marker", next}
	}
}

// rows are the store keys of identity, but for the account's own.
func (f *fixture) rows() (rows []string) {
	f.t.Helper()
	kvs, _, _, err := f.store.Range(f.t.Context(), []byte("global/id/"), []byte("global/id0"), 100_000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, kv := range kvs {
		if !strings.HasPrefix(string(kv.Key), string(record.AccountPrefix())) {
			rows = append(rows, strings.TrimPrefix(string(kv.Key), "global/id/"))
		}
	}
	return rows
}

// events are the audit records of what was changed, as JSON.
func (f *fixture) events() (events []string) {
	f.t.Helper()
	prefix := record.OutboxPrefix(record.Global)
	kvs, _, _, err := f.store.Range(f.t.Context(), prefix, record.PrefixEnd(prefix), 100_000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, kv := range kvs {
		var r record.Outbox
		if _, err := f.records.Open(kv.Key, kv.Value, record.TypeOutbox, &r); err != nil {
			f.t.Fatal(err)
		}
		events = append(events, string(r.Event))
	}
	return events
}

// put writes a record.
func (f *fixture) put(path []byte, kind record.Type, v any) {
	f.t.Helper()
	value, err := f.records.Seal(path, kind, 1, v)
	if err == nil {
		_, _, err = f.store.Txn(f.t.Context(), nil, []store.Op{{Key: path, Value: value}})
	}
	if err != nil {
		f.t.Fatal(err)
	}
}
