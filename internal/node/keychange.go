package node

import (
	"context"
	"errors"
	"time"

	"trent/internal/admin"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/key"
	"trent/internal/ops/keys"
	"trent/internal/record"
	"trent/internal/store"
)

// guardDeletion refuses the deletion of a key that was used in the days that are
// configured.
func (n *Node) guardDeletion(ctx context.Context, k *key.Key) error {
	if n.DeletionGuardDays == 0 {
		return nil
	}
	use, ok, err := n.uses.Last(ctx, k)
	if err != nil || !ok {
		return err
	}
	if ago := n.Now().Sub(use.Time); ago < time.Duration(n.DeletionGuardDays)*24*time.Hour {
		return apierr.New(apierr.KMSInvalidState, "%s was used at %s (%s), and a key that was used in the last %d days cannot be deleted.",
			k.ARN, use.Time.Format(time.RFC3339), use.Operation, n.DeletionGuardDays)
	}
	return nil
}

// maxKeyChanges bounds how often an operator's change of a key is tried that
// somebody else changes at the same time.
const maxKeyChanges = 8

// changeKey commits what an operator changes of a key, with its audit record.
func (n *Node) changeKey(ctx context.Context, by admin.Operator, event string, name admin.KeyName, parameters any, edit func(k *key.Key, r *record.Key) ([]store.Op, error)) (*key.Key, error) {
	for range maxKeyChanges {
		k, err := n.findKey(ctx, name)
		if err != nil {
			return nil, err
		}
		r, version, ok, err := n.keys.Record(ctx, k)
		if err != nil {
			return nil, altered(k.ARN, err)
		}
		if !ok {
			continue
		}
		ops, err := edit(k, &r)
		if err != nil {
			return nil, err
		}
		records, err := n.records(ctx, k.Region)
		if err != nil {
			return nil, err
		}
		path := record.KeyPath(k.Region, k.Account, k.ID)
		value, err := records.Seal(path, record.TypeKey, version+1, &r)
		if err != nil {
			return nil, err
		}
		e := by.Event(event, k.Account, n.Now())
		e.EventID, e.RequestParameters = n.events.New(), admin.Given(parameters)
		e.Resources = []audit.Resource{{AccountID: k.Account, ARN: k.ARN}}
		row, err := audit.OutboxOp(records, k.Region, e.EventID, e.AppendJSON(nil))
		if err != nil {
			return nil, err
		}
		ok, _, err = n.store.Txn(ctx, []store.Cmp{{Key: path, Mod: store.Rev(k.Revision)}}, append(ops, store.Op{Key: path, Value: value}, row))
		if err != nil {
			return nil, err
		}
		if ok {
			return n.keys.Key(ctx, k.Region, k.Account, k.ID)
		}
	}
	return nil, admin.Errorf(admin.Unavailable, "the key changes all the time: ask again")
}

// DeleteKey schedules a key's deletion, as ScheduleKeyDeletion does.
func (n *Node) DeleteKey(ctx context.Context, by admin.Operator, in admin.DeleteKey) (admin.Key, error) {
	if in.Days < 7 || in.Days > 30 {
		return admin.Key{}, admin.Errorf(admin.InvalidRequest, "days %d: want 7 to 30", in.Days)
	}
	k, err := n.changeKey(ctx, by, "ScheduleKeyDeletion", admin.KeyName{ID: in.Key, Region: in.Region, Account: in.Account}, in, func(k *key.Key, r *record.Key) ([]store.Op, error) {
		switch k.State {
		case key.PendingDeletion, key.PendingReplicaDeletion, key.Updating:
			return nil, admin.Errorf(admin.NotPossible, "%s is %s", k.ARN, k.State)
		}
		if err := n.guardDeletion(ctx, k); err != nil {
			return nil, mendable(err)
		}
		return keys.Schedule(k, r, n.Now(), in.Days), nil
	})
	if err != nil {
		return admin.Key{}, err
	}
	return described(k), nil
}

// mendable gives a refusal that clients of the KMS API get to an operator.
func mendable(err error) error {
	if e, ok := errors.AsType[*apierr.Error](err); ok && e.Code != apierr.KMSInternal {
		return admin.Errorf(admin.NotPossible, "%s", e.Message)
	}
	return err
}

// longestBrownOut is 30 days.
const longestBrownOut = 30 * 24 * time.Hour

// BrownOutKey begins, changes or ends a key's brown-out.
func (n *Node) BrownOutKey(ctx context.Context, by admin.Operator, in admin.BrownOutKey) (admin.KeyDetail, error) {
	lasts := time.Duration(in.Seconds) * time.Second
	if in.Percent < 0 || in.Percent > 100 || in.Percent > 0 && (in.Seconds < 1 || in.Seconds > int(longestBrownOut/time.Second)) {
		return admin.KeyDetail{}, admin.Errorf(admin.InvalidRequest, "%d percent for %d seconds: want 1 to 100 percent for at most 30 days, or 0 percent", in.Percent, in.Seconds)
	}
	k, err := n.changeKey(ctx, by, "BrownOutKey", admin.KeyName{ID: in.Key, Region: in.Region, Account: in.Account}, in, func(k *key.Key, r *record.Key) ([]store.Op, error) {
		if k.State == key.PendingDeletion || k.State == key.PendingReplicaDeletion {
			return nil, admin.Errorf(admin.NotPossible, "%s waits for its deletion, and refuses every use", k.ARN)
		}
		now := n.Now()
		before := r.Brownout
		r.Brownout = nil
		if in.Percent > 0 {
			r.Brownout = &record.Brownout{Percent: in.Percent, SinceMs: now.UnixMilli(), UntilMs: now.Add(lasts).UnixMilli()}
			if before != nil && k.Brownout.Active(now) { // another share of the same one
				r.Brownout.SinceMs = before.SinceMs
			}
		}
		return nil, nil
	})
	if err != nil {
		return admin.KeyDetail{}, err
	}
	return n.detail(ctx, k)
}

// use adds to a key's description how it is used.
func (n *Node) use(ctx context.Context, k *key.Key, d *admin.KeyDetail) error {
	last, ok, err := n.uses.Last(ctx, k)
	if err != nil {
		return altered(k.ARN, err)
	}
	if ok {
		d.LastUse = &admin.KeyUse{Time: last.Time, Operation: last.Operation, EventID: last.EventID, RequestID: last.RequestID}
	}
	d.UsesSince = n.uses.TrackingStart(k)
	refused, err := n.uses.Refusals(ctx, k)
	if err != nil {
		return altered(k.ARN, err)
	}
	if refused.Count > 0 {
		d.Refused = &admin.RefusedUses{Count: refused.Count, Time: refused.Time, Operation: refused.Operation, By: refused.By}
	}
	if b := k.Brownout; b.Active(n.Now()) {
		d.BrownOut = &admin.BrownOut{Percent: b.Percent, Since: b.Since, Until: b.Until}
	}
	if k.MultiRegion {
		d.Primary, d.Replicas = k.PrimaryRegion, k.ReplicaRegions
	}
	d.Grants, err = n.count(ctx, record.GrantPrefix(k.Region, k.Account, k.ID))
	return err
}
