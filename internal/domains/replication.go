package domains

import (
	"context"
	"errors"
	"fmt"

	"trent/internal/hsm/client/jobs"
	"trent/internal/record"
	"trent/internal/store"
)

// ErrGlobal: identity has no KMS keys, and its domain exchanges none.
var ErrGlobal = errors.New("domains: the domain of identity replicates no keys")

// ReplicationKey returns the id of a Region's domain and the public part, SPKI,
// of the key by which it signs replication messages. It is made when it is first
// asked for. The new domain token is in the store before the module uses it.
func (m *Manager) ReplicationKey(ctx context.Context, region string) (id jobs.DomainID, spki []byte, err error) {
	if region == Global {
		return id, nil, ErrGlobal
	}
	if _, err := m.Region(ctx, region); err != nil {
		return id, nil, err
	}
	id, spki, err = m.Module.ReplicationKey(ctx, region)
	if err != nil || len(spki) > 0 {
		return id, spki, err
	}
	if err := m.addReplicationKey(ctx, region); err != nil {
		return id, nil, fmt.Errorf("domain %s: %w", region, err)
	}
	return m.Module.ReplicationKey(ctx, region)
}

func (m *Manager) addReplicationKey(ctx context.Context, region string) error {
	m.making.Lock()
	defer m.making.Unlock()
	key := record.DomainTokenPath(region)
	kv, _, err := m.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	// An earlier change may have been cut off between the store and the module.
	if err := m.Module.LoadDomain(ctx, kv.Value); err != nil {
		return err
	}
	if _, spki, err := m.Module.ReplicationKey(ctx, region); err != nil || len(spki) > 0 {
		return err
	}
	token, err := m.Module.AddReplicationKey(ctx, region)
	if err != nil {
		return err
	}
	ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key, Mod: kv.Mod}}, []store.Op{{Key: key, Value: token}})
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the token changed meanwhile")
	}
	if err := m.Module.LoadDomain(ctx, token); err != nil {
		return err
	}
	m.Log.Info("replication key made", "region", region)
	return nil
}
