package domains

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// Node is this node's id in the audit trail.
func (m *Manager) Node() [16]byte { return m.Trail().Node }

// A Trail is what the store knows of the audit trail: the node's id in it, and
// the last epoch that has begun under it, 0 if none has.
type Trail struct {
	Node  [16]byte
	Epoch uint64
}

// Trail returns that.
func (m *Manager) Trail() Trail {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Trail{[16]byte(m.meta.Node), m.meta.Epoch}
}

// SetEpoch keeps that an epoch of the trail has begun.
func (m *Manager) SetEpoch(ctx context.Context, epoch uint64) error {
	return m.update(ctx, func(meta *record.Store) {
		meta.Epoch = epoch
		if meta.UsageSinceMs == 0 {
			meta.UsageSinceMs = m.Now().UnixMilli()
		}
	})
}

// UsageSince is since when last uses of KMS keys are kept.
func (m *Manager) UsageSince() time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return time.UnixMilli(m.meta.UsageSinceMs).UTC()
}

// RenameNode gives the node another id, because its trail is lost: what is
// recorded from now on cannot be taken for a part of that. event is called with
// both and returns the write of the audit record that says so.
func (m *Manager) RenameNode(ctx context.Context, event func(lost, begins Trail) (store.Op, error)) error {
	lost, begins := m.Trail(), Trail{}
	rand.Read(begins.Node[:])
	op, err := event(lost, begins)
	if err != nil {
		return err
	}
	return m.update(ctx, func(meta *record.Store) { meta.Node, meta.Epoch = begins.Node[:], begins.Epoch }, op)
}

// update changes the store's own record, with further writes.
func (m *Manager) update(ctx context.Context, change func(*record.Store), more ...store.Op) error {
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
	change(&meta)
	value, err := record.Encode(record.TypeStore, version+1, &meta)
	if err != nil {
		return err
	}
	ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key, Mod: kv.Mod}}, append([]store.Op{{Key: key, Value: value}}, more...))
	if err == nil && !ok {
		err = errors.New("domains: the store's record changed meanwhile")
	}
	if err == nil {
		m.mu.Lock()
		m.meta = meta
		m.mu.Unlock()
	}
	return err
}
