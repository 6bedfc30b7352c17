package domains

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// How many rows are read at a time: records, which are at most all rewritten,
// and due rows.
const (
	rewrapPage = 50
	duePage    = 1000
)

// serviceKey fetches a service key of a Region from the module.
func (m *Manager) serviceKey(ctx context.Context, region, name string) (secret.Bytes, error) {
	kv, _, err := m.Store.Get(ctx, record.ServiceKeyPath(region, name))
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("service key %s: %w", name, err)
	}
	var s record.ServiceKey
	if _, err := record.Decode(kv.Value, record.TypeServiceKey, &s); err != nil {
		return secret.Bytes{}, err
	}
	return m.Module.ReleaseServiceKey(ctx, region, name, s.Token)
}

// Due says what of a Region's domain is due: a rotation, and when the next one
// will be; the rewrapping that a rotation left behind.
type Due struct {
	Rotate bool
	Next   time.Time
	Rewrap bool
}

// Due reads a Region's due rows. A row further away than RotateEvery was
// written when the interval was longer, and counts as due.
func (m *Manager) Due(ctx context.Context, region string) (Due, error) {
	rows, err := m.dueRows(ctx, region)
	if err != nil {
		return Due{}, err
	}
	now := m.Now()
	d := Due{Next: now.Add(m.RotateEvery)}
	for _, kv := range rows {
		row, _ := record.ParseDue(kv.Key)
		switch row.Job {
		case record.JobRotate:
			d.Next = row.At
			d.Rotate = !row.At.After(now) || row.At.After(now.Add(m.RotateEvery))
		case record.JobRewrap:
			d.Rewrap = true
		}
	}
	return d, nil
}

// dueRows reads the domain's own rows of a Region. They may stand anywhere
// among those of its keys; a rotation is rare enough to read them all.
func (m *Manager) dueRows(ctx context.Context, region string) (own []store.KV, err error) {
	prefix := record.DuePrefix(region)
	from, end := prefix, record.PrefixEnd(prefix)
	for {
		rows, more, _, err := m.Store.Range(ctx, from, end, duePage)
		if err != nil {
			return nil, err
		}
		for _, kv := range rows {
			if row, _ := record.ParseDue(kv.Key); row.Job == record.JobRotate || row.Job == record.JobRewrap {
				own = append(own, kv)
			}
		}
		if !more || len(rows) == 0 {
			return own, nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// deleteDue returns the deletions of a Region's due rows of one job.
func deleteDue(rows []store.KV, job string) (ops []store.Op) {
	for _, kv := range rows {
		if row, ok := record.ParseDue(kv.Key); ok && row.Job == job {
			ops = append(ops, store.Op{Key: kv.Key, Delete: true})
		}
	}
	return ops
}

// Rotate gives a Region's domain one more generation of its domain key. The
// new token is in the store before the module uses it: no token can be
// wrapped by a generation that a crash would lose. In the same transaction the
// next rotation and this one's rewrapping become due.
func (m *Manager) Rotate(ctx context.Context, region string) error {
	m.making.Lock()
	defer m.making.Unlock()
	key := record.DomainTokenPath(region)
	kv, _, err := m.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	rows, err := m.dueRows(ctx, region)
	if err != nil {
		return err
	}
	token, err := m.Module.RotateDomain(ctx, region)
	if err != nil {
		return err
	}
	now := m.Now()
	ops := append(deleteDue(rows, record.JobRotate),
		store.Op{Key: key, Value: token},
		store.Op{Key: record.DuePath(region, now, record.JobRewrap, "-", "-")},
		store.Op{Key: record.DuePath(region, now.Add(m.RotateEvery), record.JobRotate, "-", "-")})
	event, err := m.changed(EventRotate, region)
	if err != nil {
		return err
	}
	ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key, Mod: kv.Mod}}, append(ops, event...))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("domain %s: the token changed meanwhile", region)
	}
	if err := m.Module.LoadDomain(ctx, token); err != nil {
		return err
	}
	m.Log.Info("domain key rotated", "region", region)
	return nil
}

// Rewrap brings every token of a Region to the active generation and returns
// how many it changed. It can be stopped anywhere and run again. A record that
// changes at the same time is left to the one that changed it: what is written
// after a rotation is wrapped by the new generation already.
func (m *Manager) Rewrap(ctx context.Context, region string) (changed int, err error) {
	r, err := m.Region(ctx, region)
	if err != nil {
		return 0, err
	}
	rows, err := m.dueRows(ctx, region) // before the work: a later rotation's row must stay
	if err != nil {
		return 0, err
	}
	// The rotation may have been cut off between the store and the module.
	kv, _, err := m.Store.Get(ctx, record.DomainTokenPath(region))
	if err != nil {
		return 0, err
	}
	if err := m.Module.LoadDomain(ctx, kv.Value); err != nil {
		return 0, err
	}
	active, err := m.active(ctx, region)
	if err != nil {
		return 0, err
	}
	var failed []error
	for i := range registry {
		p := &registry[i]
		if p.prefix == nil || p.prefix(region) == nil {
			continue
		}
		n, err := m.rewrapPlace(ctx, r, p, active)
		changed += n
		if err != nil {
			failed = append(failed, fmt.Errorf("rewrap %s tokens of %s: %w", p.name, region, err))
		}
	}
	if len(failed) > 0 {
		return changed, errors.Join(failed...) // the due row stays
	}
	if done := deleteDue(rows, record.JobRewrap); len(done) > 0 {
		_, _, err = m.Store.Txn(ctx, nil, done)
	}
	return changed, err
}

func (m *Manager) active(ctx context.Context, region string) (uint32, error) {
	info, err := m.Module.Status(ctx)
	if err != nil {
		return 0, err
	}
	for _, d := range info.Domains {
		if d.Region == region {
			return d.Active, nil
		}
	}
	return 0, ErrNoRegion
}

func (m *Manager) rewrapPlace(ctx context.Context, r *Region, p *place, active uint32) (changed int, err error) {
	prefix := p.prefix(r.Name)
	from, end := prefix, record.PrefixEnd(prefix)
	var failed []error
	for {
		kvs, more, _, err := m.Store.Range(ctx, from, end, rewrapPage)
		if err != nil {
			return changed, err
		}
		n, err := m.rewrapBatch(ctx, r, p, kvs, active)
		changed += n
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil || !more || len(kvs) == 0 {
			return changed, errors.Join(failed...)
		}
		from = append(kvs[len(kvs)-1].Key, 0)
	}
}

// rewrapBatch rewrites a page in one transaction. If any of its records has
// changed meanwhile, each is read and tried again on its own: a change that
// carried the old token over (an access key's status, say) must not escape.
func (m *Manager) rewrapBatch(ctx context.Context, r *Region, p *place, kvs []store.KV, active uint32) (int, error) {
	var cmps []store.Cmp
	var ops []store.Op
	var failed []error // a record that was tampered with must not keep the others from being rewrapped
	for _, kv := range kvs {
		value, err := m.rewrapped(ctx, r, p, kv, active)
		if err != nil {
			failed = append(failed, fmt.Errorf("record %q: %w", kv.Key, err))
		}
		if value != nil {
			cmps = append(cmps, store.Cmp{Key: kv.Key, Mod: kv.Mod})
			ops = append(ops, store.Op{Key: kv.Key, Value: value})
		}
	}
	if len(ops) == 0 {
		return 0, errors.Join(failed...)
	}
	ok, _, err := m.Store.Txn(ctx, cmps, ops)
	if err != nil {
		return 0, errors.Join(append(failed, err)...)
	}
	if ok {
		return len(ops), errors.Join(failed...)
	}
	changed := 0
	for _, op := range ops {
		ok, err := m.rewrapAlone(ctx, r, p, op.Key, active)
		if err != nil {
			failed = append(failed, err)
		}
		if ok {
			changed++
		}
	}
	return changed, errors.Join(failed...)
}

// rewrapAttempts bounds how often a record that others keep changing is tried.
const rewrapAttempts = 20

// rewrapAlone reports whether it has changed the record: it may be gone, or
// rewrapped by whoever changed it.
func (m *Manager) rewrapAlone(ctx context.Context, r *Region, p *place, key []byte, active uint32) (changed bool, err error) {
	for range rewrapAttempts {
		kv, _, err := m.Store.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		value, err := m.rewrapped(ctx, r, p, kv, active)
		if err != nil || value == nil {
			return false, err
		}
		ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key, Mod: kv.Mod}}, []store.Op{{Key: key, Value: value}})
		if err != nil || ok {
			return ok, err
		}
	}
	return false, fmt.Errorf("record %q changes faster than it can be rewrapped", key)
}

// rewrapped returns a record's value under the active generation; nil if it
// has that already.
func (m *Manager) rewrapped(ctx context.Context, r *Region, p *place, kv store.KV, active uint32) ([]byte, error) {
	s, err := p.open(r, kv.Key, kv.Value)
	if err != nil {
		return nil, err
	}
	if s.generation >= active {
		return nil, nil
	}
	token, generation, err := m.Module.Rewrap(ctx, p.kind, s.bind, s.token)
	if err != nil {
		return nil, err
	}
	return s.replace(token, generation)
}
