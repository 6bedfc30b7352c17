package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/destruction"
	"trent/internal/digest"
	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/store"
)

// Deletion deletes KMS keys at the end of their waiting period.
//
// A key goes in steps, one transaction each, and every step's condition is the
// key record as the step has read it:
//
//  1. The key becomes record.StateDeleting. A CancelKeyDeletion has the same
//     condition, so either comes first, whole: from here on the key is not found,
//     and there is nothing left to cancel.
//  2. Its materials with their index rows go, a page at a time.
//  3. Its aliases go, a page at a time, and then its grants.
//  4. The engine erases from its files what was deleted, for all keys at once.
//  5. What that destroyed is stated and signed by the crypto module; the key's
//     tags, policy, last use, record and due row go, and the DeleteKey event with
//     that statement is committed.
//
// So nobody signs for what may still be somewhere, a deletion can be stopped
// anywhere, goes on where it was, and makes one event.
type Deletion struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records   func(ctx context.Context, region string) (*record.Sealer, error)
	Partition string
	Now       func() time.Time
	Log       *slog.Logger
	// Sign signs the statement that a key's material is destroyed.
	Sign func(ctx context.Context, statement []byte) ([]digest.Signature, error)
	// At is called at each Point. It is for tests, nil otherwise.
	At func(Point)

	ids audit.IDs
}

// half is how many things of two rows each a step deletes: one op is left for
// what else the step writes.
const half = (store.MaxOps - 1) / 2

// maxConflicts bounds how often a step is tried whose key or aliases somebody
// else changes at the same time.
const maxConflicts = 20

// eraseTimeout bounds one try to erase what was deleted from the files.
const eraseTimeout = 30 * time.Second

// Run is the Job of record.JobDelete.
func (d *Deletion) Run(ctx context.Context, due []record.Due) (left []record.Due, err error) {
	var failed []error
	fail := func(due *record.Due, err error) {
		failed = append(failed, fmt.Errorf("key %s of %s: %w", due.KeyID, due.Account, err))
		left = append(left, *due)
	}
	d.pass(PointDue)
	var emptied []*record.Due
	for i := range due {
		if _, err := d.advance(ctx, &due[i], (*deleting).step); err != nil {
			fail(&due[i], err)
			continue
		}
		emptied = append(emptied, &due[i])
	}
	if len(emptied) == 0 {
		return left, errors.Join(failed...)
	}
	d.pass(PointErasing)
	if err := erase(ctx, d.Store); err != nil {
		return due, errors.Join(append(failed, err)...)
	}
	d.pass(PointErased)
	for _, k := range emptied {
		steps, err := d.advance(ctx, k, (*deleting).end)
		if err == nil && steps == 0 { // a row that asked for nothing
			_, _, err = d.Store.Txn(ctx, nil, []store.Op{{Key: k.Path(), Delete: true}})
		}
		if err != nil {
			fail(k, err)
		}
	}
	return left, errors.Join(failed...)
}

// A step makes the next transaction of a key's deletion, and says which point is
// passed with it. The condition on the key record is the caller's. Without ops
// nothing is left to do.
type step func(k *deleting, ctx context.Context, r *record.Key, version uint64) (cmps []store.Cmp, ops []store.Op, done Point, err error)

// advance takes a kind of step until none is left, and says how many it took. A row that does not fit its
// key's record, which is authentic, asks for nothing.
func (d *Deletion) advance(ctx context.Context, due *record.Due, next step) (steps int, err error) {
	records, err := d.Records(ctx, due.Region)
	if err != nil {
		return 0, err
	}
	k := deleting{Deletion: d, due: due, records: records, path: record.KeyPath(due.Region, due.Account, due.KeyID)}
	for conflicts := 0; conflicts < maxConflicts; {
		kv, _, err := d.Store.Get(ctx, k.path)
		if errors.Is(err, store.ErrNotFound) {
			return steps, nil
		}
		if err != nil {
			return steps, err
		}
		var r record.Key
		version, err := records.Open(kv.Key, kv.Value, record.TypeKey, &r)
		if err != nil {
			return steps, err
		}
		pending := r.State == string(key.PendingDeletion) || r.State == record.StateDeleting
		if !pending || r.DeletionMs != due.At.UnixMilli() {
			return steps, nil
		}
		if r.MultiRegion && r.PrimaryRegion == due.Region && len(r.ReplicaRegions) > 0 {
			return steps, errors.New("it is the primary key of replicas")
		}
		cmps, ops, done, err := next(&k, ctx, &r, version)
		if err != nil || len(ops) == 0 {
			return steps, err
		}
		ok, _, err := d.Store.Txn(ctx, append(cmps, store.Cmp{Key: k.path, Mod: kv.Mod}), ops)
		if err != nil {
			return steps, err
		}
		if ok {
			steps++
			d.pass(done)
		} else {
			conflicts++
		}
	}
	return steps, errors.New("it changes faster than it can be deleted")
}

// deleting is a key on its way.
type deleting struct {
	*Deletion
	due     *record.Due
	records *record.Sealer
	path    []byte // of the key record
}

// step is one of those that come before the erasing.
func (k *deleting) step(ctx context.Context, r *record.Key, version uint64) (cmps []store.Cmp, ops []store.Op, done Point, err error) {
	if r.State != record.StateDeleting {
		r.State = record.StateDeleting
		value, err := k.records.Seal(k.path, record.TypeKey, version+1, r)
		return nil, []store.Op{{Key: k.path, Value: value}}, PointMarked, err
	}
	if ops, err = k.materials(ctx, r); err != nil || len(ops) > 0 {
		return nil, ops, PointMaterialsGone, err
	}
	if cmps, ops, err = k.aliases(ctx); err != nil || len(ops) > 0 {
		return cmps, ops, PointAliasesGone, err
	}
	ops, err = k.grants(ctx)
	return nil, ops, PointGrantsGone, err
}

// leave takes a replica out of its multi-Region key. With the last one the
// waiting period of a primary begins that was scheduled for deletion; and what the
// others waited for this one to have, they need not any more.
func (k *deleting) leave(ctx context.Context, r *record.Key) (cmps []store.Cmp, ops []store.Op, err error) {
	if !r.MultiRegion || r.PrimaryRegion == k.due.Region {
		return nil, nil, nil
	}
	all, err := multiregion.Read(ctx, k.Store, k.Records, k.due.Region, k.due.Account, k.due.KeyID)
	if err != nil {
		return nil, nil, err
	}
	all.Remove(k.due.Region)
	primary := all.Primary()
	if len(all.Members) == 1 && primary.State() == key.PendingReplicaDeletion {
		date := time.UnixMilli(k.Now().Add(time.Duration(primary.Record.PendingDays) * 24 * time.Hour).UnixMilli())
		primary.Record.State, primary.Record.DeletionMs, primary.Record.PendingDays = string(key.PendingDeletion), date.UnixMilli(), 0
		ops = append(ops, store.Op{Key: record.DuePath(primary.Region, date, record.JobDelete, all.Account, all.ID)})
	}
	cmps, writes, err := all.Writes()
	return cmps, append(append(ops, writes...), all.Due(k.Now())), err
}

// end deletes what is left of the key once its material is erased, and commits
// the event that says so.
func (k *deleting) end(ctx context.Context, r *record.Key, _ uint64) (cmps []store.Cmp, ops []store.Op, done Point, err error) {
	if r.State != record.StateDeleting { // cancelled, and scheduled for the same moment
		return nil, nil, PointKeyGone, nil
	}
	if cmps, ops, err = k.leave(ctx, r); err != nil {
		return nil, nil, PointKeyGone, err
	}
	id, event, err := k.event(ctx, r)
	if err != nil {
		return nil, nil, PointKeyGone, err
	}
	row, err := audit.OutboxOp(k.records, k.due.Region, id, event)
	if err != nil {
		return nil, nil, PointKeyGone, err
	}
	k.Log.Info("deleting a key at the end of its waiting period", "region", k.due.Region, "account", k.due.Account, "key", k.due.KeyID)
	return cmps, append(ops,
		store.Op{Key: record.TagsPath(k.due.Region, k.due.Account, k.due.KeyID), Delete: true},
		store.Op{Key: record.PolicyPath(k.due.Region, k.due.Account, k.due.KeyID), Delete: true},
		store.Op{Key: record.KeyUsePath(k.due.Region, k.due.Account, k.due.KeyID), Delete: true},
		store.Op{Key: k.path, Delete: true},
		store.Op{Key: k.due.Path(), Delete: true},
		row,
	), PointKeyGone, nil
}

// aliases deletes a page of the key's aliases. One that points to another key
// meanwhile stays.
func (k *deleting) aliases(ctx context.Context) (cmps []store.Cmp, ops []store.Op, err error) {
	prefix := record.AliasOfKeyPrefix(k.due.Region, k.due.Account, k.due.KeyID)
	rows, _, _, err := k.Store.Range(ctx, prefix, record.PrefixEnd(prefix), half)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		ops = append(ops, store.Op{Key: row.Key, Delete: true})
		path := record.AliasPath(k.due.Region, k.due.Account, string(row.Key[len(prefix):]))
		kv, _, err := k.Store.Get(ctx, path)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		var a record.Alias
		if _, err := k.records.Open(kv.Key, kv.Value, record.TypeAlias, &a); err != nil {
			return nil, nil, fmt.Errorf("alias record: %w", err)
		}
		if a.KeyID == k.due.KeyID {
			cmps = append(cmps, store.Cmp{Key: path, Mod: kv.Mod})
			ops = append(ops, store.Op{Key: path, Delete: true})
		}
	}
	return cmps, ops, nil
}

// grants deletes a page of the grants on the key, and the rows that list them
// under who may retire them. Nobody makes one any more: CreateGrant has the
// present key record as its condition, and the others end them.
func (k *deleting) grants(ctx context.Context) (ops []store.Op, err error) {
	prefix := record.GrantPrefix(k.due.Region, k.due.Account, k.due.KeyID)
	rows, _, _, err := k.Store.Range(ctx, prefix, record.PrefixEnd(prefix), half)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var g record.Grant
		if _, err := k.records.Open(row.Key, row.Value, record.TypeGrant, &g); err != nil {
			return nil, fmt.Errorf("grant record: %w", err)
		}
		ops = append(ops, store.Op{Key: row.Key, Delete: true})
		if retiring := cmp.Or(g.Retiring, g.RetiringService); retiring != "" {
			id := string(row.Key[len(prefix):])
			ops = append(ops, store.Op{Key: record.RetirablePath(k.due.Region, retiring, k.due.Account, k.due.KeyID, id), Delete: true})
		}
	}
	return ops, nil
}

// materials deletes a page of the key's material records and of the index
// rows that lead from them to the key, and then the index rows of imported
// materials that are gone already.
func (k *deleting) materials(ctx context.Context, r *record.Key) (ops []store.Op, err error) {
	prefix := record.MaterialPrefix(k.due.Region, k.due.Account, k.due.KeyID)
	rows, _, _, err := k.Store.Range(ctx, prefix, record.PrefixEnd(prefix), half)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p, ok := record.ParsePath(row.Key)
		if !ok {
			return nil, fmt.Errorf("material %q: %w", row.Key, record.ErrTampered)
		}
		ops = append(ops, store.Op{Key: row.Key, Delete: true}, store.Op{Key: record.IndexPath(k.due.Region, p.ID), Delete: true})
	}
	for i := range r.Materials {
		if len(rows) > 0 || len(ops) >= half {
			break
		}
		if r.Materials[i].ImportState != record.PendingImport {
			continue
		}
		index := record.IndexPath(k.due.Region, r.Materials[i].ID)
		if _, _, err := k.Store.Get(ctx, index); err == nil {
			ops = append(ops, store.Op{Key: index, Delete: true})
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return ops, nil
}

// event is the record of the deletion, a service event as AWS's, with what the
// crypto module has signed of it.
func (k *deleting) event(ctx context.Context, r *record.Key) (id string, json []byte, err error) {
	const aws = "AWS Internal"
	d := destruction.Destruction{Key: arn.Key(k.Partition, k.due.Region, k.due.Account, k.due.KeyID), Time: k.Now()}
	for i := range r.Materials {
		d.Materials = append(d.Materials, r.Materials[i].ID)
	}
	signatures, err := k.Sign(ctx, d.Statement())
	if err != nil {
		return "", nil, fmt.Errorf("sign that its material is destroyed: %w", err)
	}
	e := audit.Event{
		UserIdentity: audit.UserIdentity{AccountID: k.due.Account, InvokedBy: aws},
		Time:         d.Time, Source: "kms.amazonaws.com", Name: "DeleteKey", Region: k.due.Region, SourceIP: aws, UserAgent: aws,
		ServiceEventDetails: d.Details(signatures),
		EventID:             k.ids.New(), Type: audit.TypeServiceEvent, RecipientAccountID: k.due.Account,
		Resources: []audit.Resource{{AccountID: k.due.Account, ARN: d.Key}},
	}
	return e.EventID, e.AppendJSON(nil), nil
}
