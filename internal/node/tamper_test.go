package node_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"trent/internal/domains"
	"trent/internal/node"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// edit changes the store of a closed node, as somebody with write access to
// its files would.
func (f *fixture) edit(t *testing.T, change func(all []store.KV) []store.Op) {
	t.Helper()
	f.close(t)
	st, err := sqlite.Open(t.Context(), filepath.Join(f.dir, "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all, _, _, err := st.Range(t.Context(), nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	ops := change(all)
	if len(ops) == 0 {
		t.Fatal("the edit found nothing to change")
	}
	if _, _, err := st.Txn(t.Context(), nil, ops); err != nil {
		t.Fatal(err)
	}
}

// find returns the value of the only key with that prefix.
func find(all []store.KV, prefix string) (kv store.KV) {
	for _, k := range all {
		if strings.HasPrefix(string(k.Key), prefix) {
			kv = k
		}
	}
	return kv
}

// TestAStoreWriterGetsNowhere: records that were moved, swapped, edited or
// taken away are refused; none leads to another key's use.
func TestAStoreWriterGetsNowhere(t *testing.T) {
	t.Parallel()
	const at = "eu-west-1/"
	const account = "111122223333/"
	tests := []struct {
		name   string
		change func(all []store.KV, mine, other string) []store.Op
		code   string
	}{
		{"another key's material in this key's place", func(all []store.KV, mine, other string) []store.Op {
			return []store.Op{{Key: find(all, at+"m/"+account+mine).Key, Value: find(all, at+"m/"+account+other).Value}}
		}, "KMSInternalException"},
		{"another key's record in this key's place", func(all []store.KV, mine, other string) []store.Op {
			return []store.Op{{Key: find(all, at+"k/"+account+mine).Key, Value: find(all, at+"k/"+account+other).Value}}
		}, "KMSInternalException"},
		{"a policy edited", func(all []store.KV, mine, _ string) []store.Op {
			kv := find(all, at+"p/"+account+mine)
			return []store.Op{{Key: kv.Key, Value: bytes.Replace(kv.Value, []byte("Allow"), []byte("Alloy"), 1)}}
		}, "KMSInternalException"},
		{"a policy taken away", func(all []store.KV, mine, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"p/"+account+mine).Key, Delete: true}}
		}, "KMSInternalException"},
		{"the alias moved to the other key", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"a/"+account+"mine").Key, Value: find(all, at+"a/"+account+"other").Value}}
		}, "KMSInternalException"},
		{"the alias taken away", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"a/"+account+"mine").Key, Delete: true}}
		}, "NotFoundException"},
		{"the access key of another account in this one's place", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, "global/id/ak/111122223333").Key, Value: find(all, "global/id/ak/444455556666").Value}}
		}, "KMSInternalException"},
		{"another Region's record MAC key", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"svc/record-mac").Key, Value: find(all, "us-east-1/svc/record-mac").Value}}
		}, "does not open"},
		{"the domain token taken away", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"dom").Key, Delete: true}}
		}, "does not open"},
		{"another Region's domain token", func(all []store.KV, _, _ string) []store.Op {
			return []store.Op{{Key: find(all, at+"dom").Key, Value: find(all, "us-east-1/dom").Value}}
		}, "does not open"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c := f.caller("111122223333")
			mine, other := c.createKey(t), c.createKey(t)
			c.must(t, "CreateAlias", object{"AliasName": "alias/mine", "TargetKeyId": mine})
			c.must(t, "CreateAlias", object{"AliasName": "alias/other", "TargetKeyId": other})
			f.caller("444455556666").createKey(t)
			caller{f, "111122223333", "test", "us-east-1"}.createKey(t)

			f.edit(t, func(all []store.KV) []store.Op { return test.change(all, mine, other) })
			if test.code == "does not open" {
				f.mustNotOpen(t)
				return
			}
			f.open(t)
			got := c.call("Encrypt", object{"KeyId": "alias/mine", "Plaintext": []byte("x")})
			if got.code != test.code {
				t.Errorf("%q %q, want %s", got.code, got.message, test.code)
			}
			if strings.Contains(got.message, "record") {
				t.Errorf("the message tells of the inside: %q", got.message)
			}
		})
	}
}

// TestOneDamagedRecordDoesNotStopRewrapping: the others come to the active
// generation, and the work stays due.
func TestOneDamagedRecordDoesNotStopRewrapping(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	ids := []string{c.createKey(t), c.createKey(t), c.createKey(t)}
	f.edit(t, func(all []store.KV) []store.Op {
		kv := find(all, "eu-west-1/m/111122223333/"+ids[1])
		return []store.Op{{Key: kv.Key, Value: append(kv.Value[:len(kv.Value)-1:len(kv.Value)-1], 0xff)}}
	})
	f.open(t)
	if err := f.Domains.Rotate(t.Context(), "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	changed, err := f.Domains.Rewrap(t.Context(), "eu-west-1")
	if want := 2 + 2; changed != want || err == nil || !strings.Contains(err.Error(), ids[1]) {
		t.Errorf("%d of %d (two keys, two service keys) are rewrapped: %v", changed, want, err)
	}
	if due, err := f.Domains.Due(t.Context(), "eu-west-1"); err != nil || !due.Rewrap {
		t.Errorf("due %+v, %v", due, err)
	}
}

// TestLaterFormat: a store that a later release has written in a format of its
// own is not opened.
func TestLaterFormat(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.edit(t, func(all []store.KV) []store.Op {
		path := record.StorePath()
		var own record.Store
		version, err := record.Decode(find(all, string(path)).Value, record.TypeStore, &own)
		if err != nil {
			t.Fatal(err)
		}
		own.Format++
		value, err := record.Encode(record.TypeStore, version+1, &own)
		if err != nil {
			t.Fatal(err)
		}
		return []store.Op{{Key: path, Value: value}}
	})
	if _, err := node.Open(t.Context(), f.config(t)); !errors.Is(err, domains.ErrFormat) {
		t.Errorf("%v", err)
	}
}
