package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/rotate"
	"trent/internal/store"
)

// EnableKey lets the key be used again. Enabling an enabled key succeeds, and
// is recorded like every call. While a key is not enabled it is not rotated; a
// rotation that was due meanwhile is made up for at once.
func (o *Ops) EnableKey(ctx context.Context, c *call.Call, _ *api.EnableKeyRequest) error {
	k := c.Key()
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return err
	}
	if !ok {
		return call.ErrConflict
	}
	r.State = string(key.Enabled)
	place := rotate.Place{Region: k.Region, Account: k.Account, KeyID: k.ID}
	var due []store.Op
	if row := place.Due(&r); row != nil {
		due = append(due, store.Op{Key: row})
	}
	return o.write(ctx, c, k, version+1, &r, due...)
}
