package domains

import (
	"context"
	"errors"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// Ahead is how far the time of trent dev was moved ahead of the system's.
func (m *Manager) Ahead() time.Duration {
	m.making.Lock()
	defer m.making.Unlock()
	return time.Duration(m.meta.AheadSeconds) * time.Second
}

// SetAhead keeps that in the store's record, in whole seconds.
func (m *Manager) SetAhead(ctx context.Context, ahead time.Duration) error {
	m.making.Lock()
	defer m.making.Unlock()
	key := record.StorePath()
	kv, _, err := m.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	var meta record.Store
	version, err := record.Decode(kv.Value, record.TypeStore, &meta)
	if err != nil {
		return err
	}
	meta.AheadSeconds = int64(ahead / time.Second)
	value, err := record.Encode(record.TypeStore, version+1, &meta)
	if err != nil {
		return err
	}
	ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key, Mod: kv.Mod}}, []store.Op{{Key: key, Value: value}})
	if err == nil && !ok {
		err = errors.New("domains: the store's record changed meanwhile")
	}
	if err == nil {
		m.meta.AheadSeconds = meta.AheadSeconds
	}
	return err
}
