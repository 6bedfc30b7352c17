package identity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// LastUse is when a long-term access key, or a role by any of its sessions, was
// last used, to a minute, and for what. Uses within a minute count as its first.
type LastUse struct {
	Time            time.Time
	Service, Region string
}

// Bounds of what is not written yet.
const (
	flushEvery  = time.Minute
	maxPending  = 10_000 // what is used beyond it within a minute is not noted
	flushAtOnce = store.MaxOps
)

// uses are last uses that are not in the store yet, by the id of an access key
// or a role.
type uses struct {
	mu      sync.Mutex
	pending map[string]use
}

type use struct {
	LastUse
	// exists is the store key of the record without which nobody asks.
	exists string
}

// Used notes that a request was authenticated with an access key. It costs
// nothing but for the first use in a minute, and writes nothing.
func (d *Directory) Used(ak *AccessKey, now time.Time, service, region string) {
	minute := now.Unix() / 60
	if ak.noted.Load() == minute {
		return
	}
	ak.noted.Store(minute)
	id, exists := ak.ID, record.AccessKeyPath(ak.ID)
	if s := ak.Caller.Session; s != nil {
		if s.roleID == "" {
			return
		}
		id, exists = s.roleID, d.rolePath(s.RoleARN)
	}
	d.used.mu.Lock()
	defer d.used.mu.Unlock()
	if _, ok := d.used.pending[id]; ok || len(d.used.pending) < maxPending {
		// The strings may point into a request's buffer.
		last := LastUse{now.UTC().Truncate(time.Second), strings.Clone(service), strings.Clone(region)}
		d.used.pending[id] = use{last, string(exists)}
	}
}

// LastUsed returns the last use of an access key or, by its unique id, of a
// role; ok is false if there was none.
func (d *Directory) LastUsed(ctx context.Context, id string) (u LastUse, ok bool, err error) {
	d.used.mu.Lock()
	pending, ok := d.used.pending[id]
	d.used.mu.Unlock()
	if ok {
		return pending.LastUse, true, nil
	}
	records, err := d.Records()
	if err != nil {
		return u, false, err
	}
	kv, _, err := d.Store.Get(ctx, record.LastUsedPath(id))
	if errors.Is(err, store.ErrNotFound) {
		return u, false, nil
	}
	if err != nil {
		return u, false, err
	}
	var r record.LastUsed
	if _, err := records.Open(kv.Key, kv.Value, record.TypeLastUsed, &r); err != nil {
		return u, false, fmt.Errorf("last use of %s: %w", id, err)
	}
	return LastUse{time.UnixMilli(r.TimeMs).UTC(), r.Service, r.Region}, true, nil
}

// Run writes last uses to the store once a minute until the context ends, and
// what is left then.
func (d *Directory) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			d.flushLogged(last)
			return
		}
		d.flushLogged(ctx)
	}
}

func (d *Directory) flushLogged(ctx context.Context) {
	if err := d.Flush(ctx); err != nil && ctx.Err() == nil {
		d.Log.Warn("last uses of access keys were not written", "error", err)
	}
}

// Flush writes the last uses that wait in memory. What cannot be written is
// lost: the next use says more.
func (d *Directory) Flush(ctx context.Context) error {
	d.used.mu.Lock()
	pending := d.used.pending
	d.used.pending = map[string]use{}
	d.used.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	records, err := d.Records()
	if err != nil {
		return err
	}
	var failed []error
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(pending)), flushAtOnce) {
		failed = append(failed, d.write(ctx, records, ids, pending))
	}
	return errors.Join(failed...)
}

// write writes some last uses in one transaction. The record that each belongs
// to must be there: who deletes it deletes the last use as well, and no late
// writer brings that back.
func (d *Directory) write(ctx context.Context, records *record.Sealer, ids []string, pending map[string]use) error {
	var cmps []store.Cmp
	var ops []store.Op
	for _, id := range ids {
		kv, _, err := d.Store.Get(ctx, []byte(pending[id].exists))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if another, err := d.anotherRole(records, kv, id); err != nil {
			return err
		} else if another {
			continue
		}
		cmps = append(cmps, store.Cmp{Key: kv.Key, Mod: kv.Mod})
		path, u := record.LastUsedPath(id), pending[id]
		value, err := records.Seal(path, record.TypeLastUsed, 1, &record.LastUsed{TimeMs: u.Time.UnixMilli(), Service: u.Service, Region: u.Region})
		if err != nil {
			return err
		}
		ops = append(ops, store.Op{Key: path, Value: value})
	}
	if len(ops) == 0 {
		return nil
	}
	ok, _, err := d.Store.Txn(ctx, cmps, ops)
	if ok || err != nil || len(ids) == 1 {
		return err
	}
	var failed []error
	for _, id := range ids { // one of them has changed meanwhile
		failed = append(failed, d.write(ctx, records, []string{id}, pending))
	}
	return errors.Join(failed...)
}

// anotherRole reports whether a record is that of a role which has taken the name
// of the one with that id.
func (d *Directory) anotherRole(records *record.Sealer, kv store.KV, id string) (bool, error) {
	if p, ok := record.ParsePath(kv.Key); !ok || p.Kind != record.KindRole {
		return false, nil
	}
	var r record.Role
	_, err := records.Open(kv.Key, kv.Value, record.TypeRole, &r)
	return r.ID != id, err
}
