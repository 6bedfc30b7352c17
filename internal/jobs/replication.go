package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trent/internal/audit"
	"trent/internal/domains"
	hsm "trent/internal/hsm/client/jobs"
	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// Replication brings to all Regions of a multi-Region key what one of them has
// changed: materials to a new replica, new material to all, and another Region
// the primary's place.
//
// Materials go first, a page at a time, each sealed by the primary's domain to
// the replica's (docs/formats.md, "Replication messages"); a page, with its place
// in the replica's record and the index rows, is one transaction. Then one
// transaction over all members settles what they now can be: a replica that was
// Creating is Enabled, new material is the current one everywhere, a change of
// the primary is over; the event and the end of the due row are part of it. So
// whenever it is stopped, a material is a member's with everything or not at
// all, and no Region encrypts under a material that another one does not have.
type Replication struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records multiregion.Records
	Domains *domains.Manager
	Module  *hsm.Module
	// Partition of every ARN.
	Partition string
	Now       func() time.Time
	Log       *slog.Logger
	// At is called at each ReplicationPoint. It is for tests, nil otherwise.
	At func(ReplicationPoint)

	ids audit.IDs
}

// materialPage is how many materials go in one transaction: two rows each.
const materialPage = 32

// Run is the Job of record.JobReplicate.
func (j *Replication) Run(ctx context.Context, due []record.Due) (left []record.Due, err error) {
	var failed []error
	j.pass(ReplicationDue)
	for i := range due {
		if err := j.synchronize(ctx, &due[i]); err != nil {
			failed = append(failed, fmt.Errorf("multi-Region key %s of %s: %w", due[i].KeyID, due[i].Account, err))
			left = append(left, due[i])
		}
	}
	return left, errors.Join(failed...)
}

// errBusy: somebody else changes the key all the time.
var errBusy = errors.New("it changes faster than it can be synchronized")

// synchronize takes the steps that are left of a key. What one replica lacks
// does not keep the others waiting, but for what all must have.
func (j *Replication) synchronize(ctx context.Context, due *record.Due) error {
	for conflicts := 0; conflicts < maxConflicts; {
		k, err := multiregion.Read(ctx, j.Store, j.Records, due.Region, due.Account, due.KeyID)
		if errors.Is(err, multiregion.ErrNotFound) {
			_, _, err = j.Store.Txn(ctx, nil, []store.Op{{Key: due.Path(), Delete: true}})
			return err
		}
		if errors.Is(err, multiregion.ErrChanged) {
			conflicts++
			continue
		}
		if err != nil {
			return err
		}
		moved, conflict, failed := j.bring(ctx, k)
		if conflict {
			conflicts++
		}
		if moved || conflict {
			continue
		}
		j.pass(ReplicationReady)
		s := settlement{Replication: j, key: k, due: due, failed: failed}
		done, err := s.commit(ctx)
		if err != nil || done {
			return errors.Join(failed, err)
		}
		conflicts++
	}
	return errBusy
}

// bring brings to each replica a page of the materials that it lacks. moved says
// that there may be more to bring.
func (j *Replication) bring(ctx context.Context, k *multiregion.Key) (moved, conflict bool, failed error) {
	primary := k.Primary()
	if primary.Record.Origin != string(key.OriginAWSKMS) {
		return false, false, nil // imported material is imported in each Region
	}
	for _, m := range k.Members[1:] {
		if m.Gone() || m.Complete(primary) {
			continue
		}
		ok, err := j.bringTo(ctx, k, m)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("to %s: %w", m.Region, err))
			continue
		}
		moved, conflict = moved || ok, conflict || !ok
	}
	return moved, conflict, failed
}

// bringTo is one transaction of bring.
func (j *Replication) bringTo(ctx context.Context, k *multiregion.Key, m *multiregion.Member) (ok bool, err error) {
	primary := k.Primary()
	id, _, err := j.Domains.ReplicationKey(ctx, primary.Region)
	if err == nil {
		_, _, err = j.Domains.ReplicationKey(ctx, m.Region)
	}
	if err != nil {
		return false, err
	}
	j.pass(ReplicationKeyed)
	place := rotate.Place{Records: m.Records, Partition: j.Partition, Region: m.Region, Account: k.Account, KeyID: k.ID}
	cmps := []store.Cmp{{Key: record.KeyPath(primary.Region, k.Account, k.ID), Mod: primary.Mod}, {Key: record.KeyPath(m.Region, k.Account, k.ID), Mod: m.Mod}}
	var ops []store.Op
	for i, brought := 0, 0; i < len(primary.Record.Materials) && brought < materialPage; i++ {
		listed := primary.Record.Materials[i]
		if m.Has(listed.ID) {
			continue
		}
		made, err := j.transfer(ctx, k, m, id, listed.ID)
		if err != nil {
			return false, fmt.Errorf("material %x: %w", listed.ID, err)
		}
		absent, writes, err := place.Add(&m.Record, made, j.Now())
		if err != nil {
			return false, err
		}
		m.Record.Materials[len(m.Record.Materials)-1] = listed
		cmps, ops = append(cmps, absent...), append(ops, writes...)
		brought++
	}
	value, err := m.Seal()
	if err != nil {
		return false, err
	}
	ok, _, err = j.Store.Txn(ctx, cmps, append(ops, value))
	if ok {
		j.pass(ReplicationStored)
	}
	return ok, err
}

// transfer has the two domains exchange one material.
func (j *Replication) transfer(ctx context.Context, k *multiregion.Key, m *multiregion.Member, sender hsm.DomainID, id []byte) (*rotate.Material, error) {
	primary := k.Primary()
	kv, _, err := j.Store.Get(ctx, record.MaterialPath(primary.Region, k.Account, k.ID, id))
	if err != nil {
		return nil, err
	}
	var stored record.Material
	if _, err := primary.Records.Open(kv.Key, kv.Value, record.TypeMaterial, &stored); err != nil {
		return nil, err
	}
	replica := hsm.Replica{
		Bind: hsm.Bind{Region: m.Region, Account: k.Account, ID: k.ID}, SenderRegion: primary.Region, SenderDomain: sender, MaterialID: [32]byte(id),
	}
	token, offer, err := j.Module.OfferReplica(ctx, &replica)
	if err != nil {
		return nil, err
	}
	j.pass(ReplicationOffered)
	delivery, err := j.Module.SendReplica(ctx, hsm.Bind{Region: primary.Region, Account: k.Account, ID: k.ID}, stored.Token, offer)
	if err != nil {
		return nil, err
	}
	j.pass(ReplicationSent)
	made, err := j.Module.ReceiveReplica(ctx, replica.Bind, token, delivery)
	if err != nil {
		return nil, err
	}
	j.pass(ReplicationReceived)
	return &rotate.Material{ID: key.MaterialID(id), Token: made.Token, Generation: made.Generation}, nil
}
