package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// A settlement is the last transaction of a multi-Region key's synchronization:
// it makes of the members what they can be with the materials that they have.
type settlement struct {
	*Replication
	key    *multiregion.Key
	due    *record.Due
	failed error // why some replica lacks something; the row stays then

	changed bool
	ops     []store.Op
}

// commit settles what there is to settle, and takes the row away if nothing is
// left to do. done is false if the key has changed meanwhile.
func (s *settlement) commit(ctx context.Context) (done bool, err error) {
	lacking := s.replicas()
	if !lacking {
		s.await()
		if err := s.turn(); err != nil {
			return false, err
		}
	}
	s.movePrimary()
	if lacking && s.failed == nil {
		return false, fmt.Errorf("replicas lack materials of %s", s.key.Primary().Region)
	}
	var cmps []store.Cmp
	if s.changed {
		event, err := s.event()
		if err != nil {
			return false, err
		}
		s.ops = append(s.ops, event)
	}
	cmps, writes, err := s.key.Writes()
	if err != nil {
		return false, err
	}
	if s.changed {
		s.ops = append(s.ops, writes...)
	}
	if s.failed == nil {
		s.ops = append(s.ops, store.Op{Key: s.due.Path(), Delete: true})
	}
	if len(s.ops) == 0 {
		return true, nil
	}
	done, _, err = s.Store.Txn(ctx, cmps, s.ops)
	if done {
		s.pass(ReplicationSettled)
	}
	return done, err
}

// replicas makes replicas that have everything what they are to be. lacking says
// that some do not.
func (s *settlement) replicas() (lacking bool) {
	primary := s.key.Primary()
	imported := primary.Record.Origin == string(key.OriginExternal)
	for _, m := range s.key.Members[1:] {
		if m.Gone() {
			continue
		}
		if imported {
			s.list(m)
		}
		if !m.Complete(primary) {
			lacking = true
			continue
		}
		if len(m.Record.CurrentMaterial) == 0 && len(primary.Record.CurrentMaterial) > 0 {
			m.Record.CurrentMaterial, s.changed = slices.Clone(primary.Record.CurrentMaterial), true
		}
		if m.State() != key.Creating {
			continue
		}
		m.Record.State, s.changed = string(key.Enabled), true
		if imported {
			m.Record.State = string(key.PendingImport)
		}
		s.Log.Info("a replica of a multi-Region key is there", "region", m.Region, "account", s.key.Account, "key", s.key.ID, "state", m.Record.State)
	}
	return lacking
}

// list adds to a replica's list the imported materials that it lacks: the ids
// are shared, the materials are imported in each Region.
func (s *settlement) list(m *multiregion.Member) {
	for _, listed := range s.key.Primary().Record.Materials {
		if !m.Has(listed.ID) {
			listed.ImportState, listed.ValidToMs = record.PendingImport, 0
			m.Record.Materials = append(m.Record.Materials, listed)
			s.changed = true
		}
		if own := m.Find(listed.ID); own.Description != listed.Description {
			own.Description, s.changed = listed.Description, true
		}
	}
}

// await says of imported material that waits for a rotation whether all Regions
// have it, which it also waits for.
func (s *settlement) await() {
	for _, listed := range s.key.Primary().Record.Materials {
		if listed.State == "" || listed.RotatedBy != "" {
			continue
		}
		state := rotate.PendingRotation
		for _, m := range s.key.Members {
			if !m.Gone() && m.Find(listed.ID).ImportState == record.PendingImport {
				state = rotate.PendingRegions
			}
		}
		for _, m := range s.key.Members {
			if own := m.Find(listed.ID); own != nil && own.State != state {
				own.State, s.changed = state, true
			}
		}
	}
}

// missing reports whether a member lacks imported material.
func (s *settlement) missing(id []byte) bool {
	return slices.ContainsFunc(s.key.Members, func(m *multiregion.Member) bool {
		own := m.Find(id)
		return !m.Gone() && own != nil && own.ImportState == record.PendingImport
	})
}

// turn makes the material that waits for all replicas to have it the current
// one, everywhere. Imported material waits for RotateKeyOnDemand.
func (s *settlement) turn() error {
	primary := s.key.Primary()
	pending := rotate.Waiting(&primary.Record)
	if pending == nil {
		return nil
	}
	if s.missing(pending.ID) { // it expired or was deleted meanwhile: it is imported again first
		return nil
	}
	id, how, previous, now := slices.Clone(pending.ID), pending.RotatedBy, primary.Record.CurrentMaterial, s.Now()
	for _, m := range s.key.Members {
		if m.Gone() {
			continue
		}
		rotate.Turn(&m.Record, id, now, how)
		if m.Record.Origin == string(key.OriginExternal) && !m.Record.Imported() && (m.State() == key.Enabled || m.State() == key.Disabled) {
			m.Record.State = string(key.PendingImport) // it went meanwhile
		}
	}
	place := rotate.Place{Records: primary.Records, Partition: s.Partition, Region: primary.Region, Account: s.key.Account, KeyID: s.key.ID}
	event, err := place.Event(s.ids.New(), now, primary.Record.Origin, how, previous, id)
	s.ops, s.changed = append(s.ops, event), true
	return err
}

// movePrimary ends a change of the primary Region: the primary and a replica are
// Updating, and have a state to return to. The replica takes the primary's place
// once it has everything; that imported material has expired meanwhile does not
// matter, but a key that is to be deleted stays what it is.
func (s *settlement) movePrimary() {
	primary := s.key.Primary()
	if primary.Record.StateBefore == "" {
		return
	}
	stays := func(m *multiregion.Member) bool { return m.State() != key.Updating && m.State() != key.PendingImport }
	for _, m := range s.key.Members[1:] {
		if m.Record.StateBefore == "" || m.Gone() {
			continue
		}
		if !m.Complete(primary) {
			return
		}
		if !stays(m) && !stays(primary) {
			s.exchange(primary, m)
		}
		break
	}
	for _, m := range s.key.Members {
		if m.Record.StateBefore != "" && m.State() == key.Updating {
			m.Record.State = m.Record.StateBefore
		}
		m.Record.StateBefore = ""
	}
	s.changed = true
}

// exchange makes a replica the primary; the row of the next automatic rotation
// goes with it.
func (s *settlement) exchange(primary, m *multiregion.Member) {
	before := s.place(primary.Region).Due(&primary.Record)
	s.key.MakePrimary(m.Region)
	s.key.Share()
	if before != nil {
		s.ops = append(s.ops, store.Op{Key: before, Delete: true}, store.Op{Key: s.place(m.Region).Due(&m.Record)})
	}
	s.Log.Info("the primary Region of a multi-Region key has changed", "region", m.Region, "account", s.key.Account, "key", s.key.ID)
}

// place is where in a Region the key's rows are.
func (s *settlement) place(region string) *rotate.Place {
	return &rotate.Place{Region: region, Account: s.key.Account, KeyID: s.key.ID}
}

// event is the record of the synchronization, as AWS's: it names the primary.
func (s *settlement) event() (store.Op, error) {
	const aws = "AWS Internal"
	primary := s.key.Primary()
	name := arn.Key(s.Partition, primary.Region, s.key.Account, s.key.ID)
	e := audit.Event{
		UserIdentity: audit.UserIdentity{AccountID: s.key.Account, InvokedBy: aws},
		Time:         s.Now().Truncate(time.Second), Source: "kms.amazonaws.com", Name: "SynchronizeMultiRegionKey", Region: primary.Region, SourceIP: aws, UserAgent: aws,
		ResponseElements: append(awsjson.AppendString([]byte(`{"keyId":`), name), '}'),
		RequestID:        s.ids.New(), EventID: s.ids.New(), Type: audit.TypeAPICall, RecipientAccountID: s.key.Account,
		Resources: []audit.Resource{{AccountID: s.key.Account, ARN: name}},
	}
	return audit.OutboxOp(primary.Records, primary.Region, e.EventID, e.AppendJSON(nil))
}
