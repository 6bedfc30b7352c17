package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/audit"
	hsm "trent/internal/hsm/client/jobs"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// KeyRotation carries out the automatic rotations of KMS keys: the crypto module
// makes new material, and one transaction adds it to the key, makes it the
// current one, and writes the RotateKey event and the row of the next rotation in
// place of this one. Material whose transaction did not come about is nobody's:
// its token is nowhere.
type KeyRotation struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records   func(ctx context.Context, region string) (*record.Sealer, error)
	Module    *hsm.Module
	Partition string
	Now       func() time.Time
	Log       *slog.Logger
	// At is called at each MaterialPoint. It is for tests, nil otherwise.
	At func(MaterialPoint)

	ids audit.IDs
}

// Run is the Job of record.JobRotateKey.
func (j *KeyRotation) Run(ctx context.Context, due []record.Due) (left []record.Due, err error) {
	var failed []error
	RotationDue.pass(j.At)
	for i := range due {
		if err := j.rotate(ctx, &due[i]); err != nil {
			failed = append(failed, fmt.Errorf("key %s of %s: %w", due[i].KeyID, due[i].Account, err))
			left = append(left, due[i])
		}
	}
	return left, errors.Join(failed...)
}

// rotate does what a row asks for, if the key's record, which is authentic, says
// the same. A key that is not enabled now is not rotated: EnableKey writes the row
// again.
func (j *KeyRotation) rotate(ctx context.Context, due *record.Due) error {
	records, err := j.Records(ctx, due.Region)
	if err != nil {
		return err
	}
	place := &rotate.Place{Records: records, Partition: j.Partition, Region: due.Region, Account: due.Account, KeyID: due.KeyID}
	path := record.KeyPath(due.Region, due.Account, due.KeyID)
	for range maxConflicts {
		cmps, ops, err := j.step(ctx, place, path, due)
		if err != nil {
			return err
		}
		ok, _, err := j.Store.Txn(ctx, cmps, append(ops, store.Op{Key: due.Path(), Delete: true}))
		if ok {
			RotationStored.pass(j.At)
		}
		if err != nil || ok {
			return err
		}
	}
	return errors.New("it changes faster than it can be rotated")
}

// step is the transaction of a rotation, without the end of its row: nothing at
// all, if the row is out of date.
func (j *KeyRotation) step(ctx context.Context, place *rotate.Place, path []byte, due *record.Due) (cmps []store.Cmp, ops []store.Op, err error) {
	kv, _, err := j.Store.Get(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	unchanged := store.Cmp{Key: path, Mod: kv.Mod}
	var r record.Key
	version, err := place.Records.Open(kv.Key, kv.Value, record.TypeKey, &r)
	if err != nil {
		return nil, nil, err
	}
	if r.MultiRegion && r.PrimaryRegion != due.Region || r.Rotation == nil || !r.Rotation.Enabled || r.Rotation.NextMs != due.At.UnixMilli() || r.State != string(key.Enabled) {
		return []store.Cmp{unchanged}, nil, nil
	}
	if rotate.Waiting(&r) != nil {
		return nil, nil, errors.New("its replicas still lack the material of the rotation before")
	}
	made, err := j.newMaterial(ctx, place, &r)
	if err != nil {
		return nil, nil, err
	}
	RotationMade.pass(j.At)
	now, previous := j.Now(), r.CurrentMaterial
	if cmps, ops, err = place.Add(&r, made, now); err != nil {
		return nil, nil, err
	}
	r.Rotation.NextMs = next(due.At, now, r.Rotation.PeriodDays).UnixMilli()
	if len(r.ReplicaRegions) > 0 {
		return j.wait(ctx, place, &r, append(cmps, unchanged), ops, made)
	}
	rotate.Turn(&r, made.ID[:], now, rotate.Automatic)
	event, err := place.Event(j.ids.New(), now, r.Origin, rotate.Automatic, previous, made.ID[:])
	if err != nil {
		return nil, nil, err
	}
	value, err := place.Records.Seal(path, record.TypeKey, version+1, &r)
	if err != nil {
		return nil, nil, err
	}
	j.Log.Info("rotating a key", "region", due.Region, "account", due.Account, "key", due.KeyID)
	return append(cmps, unchanged), append(ops, store.Op{Key: path, Value: value}, store.Op{Key: place.Due(&r)}, event), nil
}

// wait has the new material of a primary wait until its replicas have it, and
// the row written that brings it to them.
func (j *KeyRotation) wait(ctx context.Context, place *rotate.Place, r *record.Key, cmps []store.Cmp, ops []store.Op, made *rotate.Material) ([]store.Cmp, []store.Op, error) {
	rotate.Wait(r, made.ID[:], rotate.Automatic)
	all, err := multiregion.Read(ctx, j.Store, j.Records, place.Region, place.Account, place.KeyID)
	if err != nil {
		return nil, nil, err
	}
	all.Primary().Record = *r
	same, writes, err := all.Writes()
	if err != nil {
		return nil, nil, err
	}
	j.Log.Info("rotating a multi-Region key", "region", place.Region, "account", place.Account, "key", place.KeyID)
	return append(cmps, same...), append(append(ops, writes...), store.Op{Key: place.Due(r)}, all.Due(j.Now())), nil
}

// newMaterial has the crypto module make a further material for the key.
func (j *KeyRotation) newMaterial(ctx context.Context, place *rotate.Place, r *record.Key) (*rotate.Material, error) {
	row := keyspec.Of(key.Spec(r.Spec))
	if row == nil {
		return nil, fmt.Errorf("key spec %q", r.Spec)
	}
	bind := hsm.Bind{Region: place.Region, Account: place.Account, ID: place.KeyID}
	made, err := j.Module.CreateMaterial(ctx, bind, row.Number, key.Usage(r.Usage).Number(), r.MultiRegion)
	if err != nil {
		return nil, err
	}
	return &rotate.Material{ID: made.ID, Token: made.Token, Generation: made.Generation}, nil
}

// next is when a key is rotated again: a period after this rotation was due, or
// after now if that is over. Rotations that nobody could carry out, because the
// key was disabled or the service stopped, are made up for by one.
func next(due, now time.Time, periodDays int) time.Time {
	period := time.Duration(periodDays) * rotate.Day
	if at := due.Add(period); at.After(now) {
		return at
	}
	return now.Add(period)
}
