package keyuse

import (
	"context"
	"errors"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// Run turns notes into records once a minute until the context ends, and what is
// left then.
func (u *Uses) Run(ctx context.Context) {
	tick := time.NewTicker(FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-u.full:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			u.flushLogged(last)
			return
		}
		u.flushLogged(ctx)
	}
}

func (u *Uses) flushLogged(ctx context.Context) {
	if err := u.Flush(ctx); err != nil && ctx.Err() == nil {
		u.Log.Warn("last uses of keys were not written, and will be tried again", "error", err)
	}
}

// Flush writes what is not written yet. What cannot be written stays.
func (u *Uses) Flush(ctx context.Context) error {
	u.writing.Lock()
	defer u.writing.Unlock()
	var failed []error
	for i := range u.shards {
		changed := u.shards[i].take()
		for len(changed) > 0 {
			n := min(len(changed), store.MaxOps)
			failed = append(failed, u.write(ctx, &u.shards[i], changed[:n]))
			changed = changed[n:]
		}
	}
	return errors.Join(failed...)
}

// take returns copies of what is new, and forgets notes without news since the
// flush before.
func (s *shard) take() (changed []note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for arn, n := range s.notes {
		if n.used || n.refusals.Count > 0 {
			changed = append(changed, *n)
			n.used, n.refusals = false, Refusals{}
		} else if n.idle {
			delete(s.notes, arn)
		}
		n.idle = true
	}
	return changed
}

// giveBack adds to the notes what could not be written.
func (s *shard) giveBack(changed []note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changed {
		c := &changed[i]
		n := s.notes[c.arn]
		if n == nil {
			continue
		}
		n.used, n.idle = n.used || c.used, false
		if n.refusals.Count == 0 {
			n.period, n.refusals = c.period, c.refusals
		} else if n.period == c.period {
			n.refusals.Count += c.refusals.Count
		}
	}
}

// write writes some notes of a shard in one transaction, or each by itself if one
// of their keys changes meanwhile. What fails goes back.
func (u *Uses) write(ctx context.Context, s *shard, changed []note) error {
	ok, err := u.txn(ctx, changed)
	switch {
	case ok:
		return nil
	case err == nil && len(changed) > 1:
		var failed []error
		for i := range changed {
			failed = append(failed, u.write(ctx, s, changed[i:i+1]))
		}
		return errors.Join(failed...)
	}
	s.giveBack(changed)
	return err
}

// txn writes some notes. Each key must be there: who deletes it deletes its last
// use as well, and no late writer brings that back.
func (u *Uses) txn(ctx context.Context, changed []note) (ok bool, err error) {
	var cmps []store.Cmp
	var ops []store.Op
	for i := range changed {
		n := &changed[i]
		kv, _, err := u.Store.Get(ctx, record.KeyPath(n.region, n.account, n.keyID))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		r, version, err := u.stored(ctx, n.region, n.account, n.keyID)
		if err != nil {
			return false, err
		}
		n.into(&r)
		records, err := u.Records(ctx, n.region)
		if err != nil {
			return false, err
		}
		path := record.KeyUsePath(n.region, n.account, n.keyID)
		value, err := records.Seal(path, record.TypeKeyUse, version+1, &r)
		if err != nil {
			return false, err
		}
		cmps = append(cmps, store.Cmp{Key: kv.Key, Mod: kv.Mod})
		ops = append(ops, store.Op{Key: path, Value: value})
	}
	if len(ops) == 0 {
		return true, nil
	}
	ok, _, err = u.Store.Txn(ctx, cmps, ops)
	return ok, err
}

// into brings a record up to date.
func (n *note) into(r *record.KeyUse) {
	if ms := n.use.Time.UnixMilli(); n.used && ms >= r.TimeMs {
		r.TimeMs, r.Operation, r.EventID, r.RequestID = ms, n.use.Operation, n.use.EventID, n.use.RequestID
	}
	if n.refusals.Count == 0 {
		return
	}
	f := record.RefusedUses{Period: n.period}
	if r.Refused != nil && r.Refused.Period == n.period {
		f.Count = r.Refused.Count
	}
	f.Count += n.refusals.Count
	f.TimeMs, f.Operation, f.By = n.refusals.Time.UnixMilli(), n.refusals.Operation, n.refusals.By
	r.Refused = &f
}
