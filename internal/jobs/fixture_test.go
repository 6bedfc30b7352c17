package jobs

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/digest"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

const (
	region   = "eu-west-1"
	account  = "111122223333"
	deleted  = "1111aaaa-0000-4000-8000-000000000001"
	kept     = "2222bbbb-0000-4000-8000-000000000002"
	aliases  = half + 3 // of each key: two pages
	material = half*2 + 1
	granted  = half + 2
)

var deletionDate = time.UnixMilli(1_800_000_000_000)

func sealer(context.Context, string) (*record.Sealer, error) {
	return record.NewSealer(secret.New(make([]byte, record.MACKeyLen)))
}

func scheduler(st store.Store) *Scheduler {
	now := func() time.Time { return deletionDate }
	d := &Deletion{Store: st, Records: sealer, Partition: "aws", Sign: signed, Now: now, Log: slog.New(slog.DiscardHandler)}
	return NewScheduler(st, func() []string { return []string{region} }, map[string]Job{record.JobDelete: d.Run}, now, d.Log)
}

// world is a folder with two keys of many materials and aliases, of which one
// is due for deletion.
func world(t *testing.T) (dir string, st *sqlite.Store) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	st = open(t, dir)
	addKey(t, st, deleted, key.PendingDeletion, deletionDate)
	addKey(t, st, kept, key.Enabled, time.Time{})
	put(t, st, []store.Op{{Key: record.DuePath(region, deletionDate, record.JobDelete, account, deleted)}})
	return dir, st
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func put(t *testing.T, st store.Store, ops []store.Op) {
	t.Helper()
	for len(ops) > 0 {
		n := min(len(ops), store.MaxOps)
		if ok, _, err := st.Txn(t.Context(), nil, ops[:n]); !ok || err != nil {
			t.Fatal(ok, err)
		}
		ops = ops[n:]
	}
}

func addKey(t *testing.T, st store.Store, id string, state key.State, deletion time.Time) {
	t.Helper()
	r := record.Key{State: string(state)}
	if !deletion.IsZero() {
		r.DeletionMs = deletion.UnixMilli()
	}
	var ops []store.Op
	add := func(path []byte, typ record.Type, v any) {
		s, err := sealer(t.Context(), region)
		if err != nil {
			t.Fatal(err)
		}
		value, err := s.Seal(path, typ, 1, v)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, store.Op{Key: path, Value: value})
	}
	for i := range material {
		m := bytes.Repeat([]byte{id[0], byte(i), byte(i >> 8), 1}, 8)
		r.Materials = append(r.Materials, record.KeyMaterial{ID: m})
		add(record.MaterialPath(region, account, id, m), record.TypeMaterial, &record.Material{Token: bytes.Repeat(token(id), 12)})
		add(record.IndexPath(region, m), record.TypeIndex, &record.Index{Account: account, KeyID: id})
	}
	for i := range aliases {
		name := fmt.Sprintf("%s/%d", id[:4], i)
		add(record.AliasPath(region, account, name), record.TypeAlias, &record.Alias{KeyID: id})
		ops = append(ops, store.Op{Key: record.AliasOfKeyPath(region, account, id, name)})
	}
	for i := range granted {
		g := fmt.Sprintf("%064d", i)
		r := record.Grant{Grantee: "arn:aws:iam::111122223333:role/r", Operations: []string{"Decrypt"}, IssuingAccount: account}
		switch i % 3 {
		case 0:
			r.Retiring = r.Grantee
			ops = append(ops, store.Op{Key: record.RetirablePath(region, r.Retiring, account, id, g)})
		case 1:
			r.RetiringService = "ec2.amazonaws.com"
			ops = append(ops, store.Op{Key: record.RetirablePath(region, r.RetiringService, account, id, g)})
		}
		add(record.GrantPath(region, account, id, g), record.TypeGrant, &r)
	}
	add(record.PolicyPath(region, account, id), record.TypePolicy, &record.Policy{Document: "{}"})
	add(record.TagsPath(region, account, id), record.TypeTags, &record.Tags{Tags: map[string]string{"a": "b"}})
	add(record.KeyPath(region, account, id), record.TypeKey, &r)
	put(t, st, ops)
}

// token is what the tokens of a key consist of.
func token(id string) []byte { return []byte("token of " + id[:8]) }

// rows are the store's keys, those of one key: as text, or as ids of its
// materials and names of its aliases.
func rows(t *testing.T, st store.Store, id string) (found []string) {
	t.Helper()
	all, more, _, err := st.Range(t.Context(), nil, nil, 10_000)
	if err != nil || more {
		t.Fatal(more, err)
	}
	index := record.IndexPath(region, bytes.Repeat([]byte{id[0]}, 32)[:1])
	for _, kv := range all {
		k := string(kv.Key)
		if strings.Contains(k, id) || strings.HasPrefix(k, string(index)) || strings.Contains(k, "/a/"+account+"/"+id[:4]) {
			found = append(found, k)
		}
	}
	return found
}

// whole is how many rows a key has: two for each material and alias, one for each
// grant and one more for two in three, and the key's record, policy and tags.
const whole = 2*material + 2*aliases + granted + (granted+2)/3 + (granted+1)/3 + 3

// inFiles reports whether any file of a folder has a key's token.
func inFiles(t *testing.T, dir, id string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, token(id))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// signed is no signature: that the crypto module's is one, and what it says, is
// tested with the whole service.
func signed(context.Context, []byte) ([]digest.Signature, error) {
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: "k", Bytes: []byte("s")}}, nil
}
