package aliases

import (
	"context"
	"testing"

	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// TestAliasesThatMoveAway: the index of a key's aliases is read first, and then
// each alias. One that points to another key by then is not the key's any more,
// nor is one that is gone.
func TestAliasesThatMoveAway(t *testing.T) {
	t.Parallel()
	const (
		region, account = "eu-west-1", "111122223333"
		listed, other   = "1111aaaa-0000-4000-8000-000000000001", "2222bbbb-0000-4000-8000-000000000002"
	)
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	sealer, err := record.NewSealer(secret.New(make([]byte, record.MACKeyLen)))
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"moved": other, "stays": listed, "gone": ""} {
		ops := []store.Op{{Key: record.AliasOfKeyPath(region, account, listed, name)}}
		if target != "" {
			path := record.AliasPath(region, account, name)
			value, err := sealer.Seal(path, record.TypeAlias, 1, &record.Alias{KeyID: target})
			if err != nil {
				t.Fatal(err)
			}
			ops = append(ops, store.Op{Key: path, Value: value})
		}
		if ok, _, err := st.Txn(t.Context(), nil, ops); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	dir := keydir.New(st, func(context.Context, string) (*record.Sealer, error) { return sealer, nil }, "aws")
	t.Cleanup(dir.Close)
	c := &call.Call{Common: call.Common{Region: region}, Keys: [2]*key.Key{{Region: region, Account: account, ID: listed}}}
	c.Caller.Account = account
	found, next, err := (&Ops{Store: st, Keys: dir}).ofKey(t.Context(), c, nil, "", 10)
	if err != nil || next != "" || len(found) != 1 || found[0].Name != "alias/stays" || found[0].KeyID != listed {
		t.Errorf("%+v, next %q, error %v; want alias/stays", found, next, err)
	}
}
