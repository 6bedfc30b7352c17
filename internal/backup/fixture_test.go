package backup

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

var operator = identity.Operator{UID: 1000, Name: "ops", Listener: "admin"}

// service is a store and a trail, as a running service has them.
type service struct {
	Source
	dir    string
	outbox *audit.Outbox
}

func sealer(t testing.TB, fill byte) *record.Sealer {
	t.Helper()
	s, err := record.NewSealer(secret.New(bytes.Repeat([]byte{fill}, record.MACKeyLen)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newService makes a service with two Regions and some rows.
func newService(t testing.TB) *service {
	t.Helper()
	s := &service{dir: t.TempDir()}
	db, err := sqlite.Open(t.Context(), s.dir+"/store", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := bytes.Repeat([]byte{7}, 16)
	trail, err := audit.Open(t.Context(), s.dir+"/audit", audit.Options{Node: [16]byte(node), Mode: audit.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	records := sealer(t, 1)
	s.outbox = audit.NewOutbox(db, trail, func(context.Context, string) (*record.Sealer, error) { return records, nil },
		audit.OutboxOptions{Linger: time.Hour, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(func() {
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Source = Source{
		Store: db, Records: records, Trail: trail, Release: "v0 test", Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) },
		Drain: func(ctx context.Context) error {
			return s.outbox.Drain(ctx, []string{record.Global, "eu-west-1"})
		},
	}
	own, err := record.Encode(record.TypeStore, 1, &record.Store{ID: bytes.Repeat([]byte{9}, 16), Format: 1, CreatedMs: 1, Node: node})
	if err != nil {
		t.Fatal(err)
	}
	s.put(t,
		store.Op{Key: record.StorePath(), Value: own},
		store.Op{Key: record.DomainTokenPath(record.Global), Value: []byte("token of global")},
		store.Op{Key: record.DomainTokenPath("eu-west-1"), Value: []byte("token of eu-west-1")},
		store.Op{Key: record.AccountPath("111122223333"), Value: []byte("account")},
		store.Op{Key: record.KeyPath("eu-west-1", "111122223333", "a"), Value: []byte("key a")},
		store.Op{Key: record.KeyPath("eu-west-1", "111122223333", "b"), Value: []byte{}},
	)
	if err := s.Drain(t.Context()); err != nil { // as a service does when it starts
		t.Fatal(err)
	}
	return s
}

func (s *service) put(t testing.TB, ops ...store.Op) {
	t.Helper()
	if ok, _, err := s.Store.Txn(t.Context(), nil, ops); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

// event is the write of an event of that id.
func (s *service) event(t testing.TB, id string) store.Op {
	t.Helper()
	op, err := audit.OutboxOp(s.Records, "eu-west-1", id, fmt.Appendf(nil, `{"eventID":%q}`, id))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (s *service) backup(t testing.TB) ([]byte, *Manifest) {
	t.Helper()
	var b bytes.Buffer
	m, err := Create(t.Context(), s.Source, operator, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m
}

func emptyStore(t testing.TB) store.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), t.TempDir()+"/store", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// rows are all rows of a store.
func rows(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	kvs, more, _, err := s.Range(t.Context(), nil, nil, 10_000)
	if err != nil || more {
		t.Fatal(more, err)
	}
	all := map[string]string{}
	for _, kv := range kvs {
		all[string(kv.Key)] = string(kv.Value)
	}
	return all
}
