package jobs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// MaterialExpiry takes imported key material away that has expired: its token
// goes, the key becomes PendingImport, and the event is committed with it, in one
// transaction; then the engine erases the token from its files, and last the due
// row goes. DeleteImportedKeyMaterial writes such a row for the erasing alone.
type MaterialExpiry struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records   func(ctx context.Context, region string) (*record.Sealer, error)
	Partition string
	Now       func() time.Time
	Log       *slog.Logger
	// At is called at each MaterialPoint. It is for tests, nil otherwise.
	At func(MaterialPoint)

	ids audit.IDs
}

// Run is the Job of record.JobExpireMaterial.
func (j *MaterialExpiry) Run(ctx context.Context, due []record.Due) (left []record.Due, err error) {
	var failed []error
	var done []store.Op
	var asRead []store.Cmp
	ExpiryDue.pass(j.At)
	for i := range due {
		row, _, err := j.Store.Get(ctx, due[i].Path())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return due, errors.Join(append(failed, err)...)
		}
		if err := j.expire(ctx, &due[i]); err != nil {
			failed = append(failed, fmt.Errorf("key %s of %s: %w", due[i].KeyID, due[i].Account, err))
			left = append(left, due[i])
			continue
		}
		done, asRead = append(done, store.Op{Key: row.Key, Delete: true}), append(asRead, store.Cmp{Key: row.Key, Mod: row.Mod})
	}
	if len(done) > 0 {
		ExpiryErasing.pass(j.At)
		if err := erase(ctx, j.Store); err != nil {
			return due, errors.Join(append(failed, err)...)
		}
		ExpiryErased.pass(j.At)
		// A row that was written again meanwhile asks for another erasing.
		ok, _, err := j.Store.Txn(ctx, asRead, done)
		if err == nil && !ok {
			err = errors.New("more material was deleted while it was erased")
		}
		if err != nil {
			return due, errors.Join(append(failed, err)...)
		}
		ExpiryRowsGone.pass(j.At)
	}
	return left, errors.Join(failed...)
}

// expire takes away what has expired of a key, if its record, which is authentic,
// says so.
func (j *MaterialExpiry) expire(ctx context.Context, due *record.Due) error {
	records, err := j.Records(ctx, due.Region)
	if err != nil {
		return err
	}
	path := record.KeyPath(due.Region, due.Account, due.KeyID)
	for range maxConflicts {
		kv, _, err := j.Store.Get(ctx, path)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var r record.Key
		version, err := records.Open(kv.Key, kv.Value, record.TypeKey, &r)
		if err != nil {
			return err
		}
		if r.State == record.StateDeleting { // it goes with all it has
			return nil
		}
		ops, err := j.step(records, due, &r)
		if err != nil || len(ops) == 0 {
			return err
		}
		value, err := records.Seal(path, record.TypeKey, version+1, &r)
		if err != nil {
			return err
		}
		ok, _, err := j.Store.Txn(ctx, []store.Cmp{{Key: path, Mod: kv.Mod}}, append(ops, store.Op{Key: path, Value: value}))
		if ok {
			ExpiryTaken.pass(j.At)
		}
		if err != nil || ok {
			return err
		}
	}
	return errors.New("it changes faster than its material can expire")
}

// step edits the record, and returns what is written beside it: nothing if nothing
// has expired.
func (j *MaterialExpiry) step(records *record.Sealer, due *record.Due, r *record.Key) (ops []store.Op, err error) {
	now, again := j.Now(), false
	for i := range r.Materials {
		m := &r.Materials[i]
		if m.ValidToMs == 0 || m.ValidToMs > now.UnixMilli() {
			continue
		}
		m.ImportState, m.ValidToMs = record.PendingImport, 0
		if m.State != "" && r.MultiRegion { // all Regions must have it before it can be the current one
			again = true
		}
		if m.State == "" && r.State != string(key.PendingDeletion) && r.State != string(key.PendingReplicaDeletion) {
			r.State = string(key.PendingImport)
		}
		event, err := j.event(records, due, m.ID, now)
		if err != nil {
			return nil, err
		}
		ops = append(ops, store.Op{Key: record.MaterialPath(due.Region, due.Account, due.KeyID, m.ID), Delete: true}, event)
		j.Log.Info("imported key material has expired", "region", due.Region, "account", due.Account, "key", due.KeyID, "material", hex.EncodeToString(m.ID))
	}
	if again {
		ops = append(ops, store.Op{Key: record.DuePath(r.PrimaryRegion, now, record.JobReplicate, due.Account, due.KeyID)})
	}
	return ops, nil
}

// event is the write of the record of an expiry, a service event as AWS's.
func (j *MaterialExpiry) event(records *record.Sealer, due *record.Due, id []byte, now time.Time) (store.Op, error) {
	const aws = "AWS Internal"
	details := awsjson.AppendString([]byte(`{"keyMaterialId":`), hex.EncodeToString(id))
	e := audit.Event{
		UserIdentity: audit.UserIdentity{AccountID: due.Account, InvokedBy: aws},
		Time:         now, Source: "kms.amazonaws.com", Name: "DeleteExpiredKeyMaterial", Region: due.Region, SourceIP: aws, UserAgent: aws,
		ServiceEventDetails: append(details, '}'), EventID: j.ids.New(), Type: audit.TypeServiceEvent, RecipientAccountID: due.Account,
		Resources: []audit.Resource{{AccountID: due.Account, ARN: arn.Key(j.Partition, due.Region, due.Account, due.KeyID)}},
	}
	return audit.OutboxOp(records, due.Region, e.EventID, e.AppendJSON(nil))
}

// erase erases what was deleted from the store's files. A long snapshot can hold
// the log: then the rows stay due, and the scheduler's other work goes on.
func erase(ctx context.Context, st store.Store) error {
	e, ok := st.(store.Eraser)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	if err := e.Erase(ctx); err != nil {
		return fmt.Errorf("erase deleted tokens: %w", err)
	}
	return nil
}
