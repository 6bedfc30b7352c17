// Package rotate owns what a rotation changes: another key material becomes the
// current one, in the key's record, with its event and the date of the next
// rotation. On-demand rotation and the job that carries out automatic ones do it
// the same way.
//
// It must never decide whether a key is rotated, nor ask the crypto module for
// anything: it is given the new material. internal/ops/rotation and internal/jobs
// may import it. Source: AWS KMS Developer Guide, "Rotate AWS KMS keys".
package rotate

import (
	"bytes"
	"encoding/hex"
	"time"

	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// Limits of AWS.
const (
	DefaultPeriodDays = 365
	MaxOnDemand       = 25               // on-demand rotations of a key, for good
	Busy              = 20 * time.Minute // before an automatic rotation, in which there is no on-demand one
)

// The types of rotation, as AWS names them.
const (
	Automatic = "AUTOMATIC"
	OnDemand  = "ON_DEMAND"
)

// Day is a day of a rotation period.
const Day = 24 * time.Hour

// Place says which key is rotated, and by what its records are sealed.
type Place struct {
	Records                           *record.Sealer // of the Region
	Partition, Region, Account, KeyID string
}

// Material is a new key material as the crypto module has made it.
type Material struct {
	ID         key.MaterialID
	Token      []byte
	Generation uint32
}

// Add appends a new material, which is not current yet, to the key's record and
// returns the writes of the material itself. It is for a key that is there: the
// caller has its record as a condition.
func (p *Place) Add(r *record.Key, m *Material, at time.Time) (cmps []store.Cmp, ops []store.Op, err error) {
	path, index := record.MaterialPath(p.Region, p.Account, p.KeyID, m.ID[:]), record.IndexPath(p.Region, m.ID[:])
	token, err := p.Records.Seal(path, record.TypeMaterial, 1, &record.Material{Token: m.Token, Generation: m.Generation})
	if err != nil {
		return nil, nil, err
	}
	owner, err := p.Records.Seal(index, record.TypeIndex, 1, &record.Index{Account: p.Account, KeyID: p.KeyID})
	if err != nil {
		return nil, nil, err
	}
	r.Materials = append(r.Materials, record.KeyMaterial{ID: m.ID[:], CreatedMs: at.UnixMilli()})
	return []store.Cmp{{Key: index}}, []store.Op{{Key: path, Value: token}, {Key: index, Value: owner}}, nil
}

// Wait has a material of a multi-Region key wait until all its Regions have it,
// to become the current one by that rotation then.
func Wait(r *record.Key, id []byte, rotation string) {
	for i := range r.Materials {
		if m := &r.Materials[i]; bytes.Equal(m.ID, id) {
			m.State, m.RotatedBy = PendingRotation, rotation
		}
	}
}

// Waiting returns the material that Wait was told of and Turn not yet; nil if
// there is none. Imported material waits for something else.
func Waiting(r *record.Key) *record.KeyMaterial {
	for i := range r.Materials {
		if m := &r.Materials[i]; m.State == PendingRotation && m.RotatedBy != "" && m.RotatedMs == 0 {
			return m
		}
	}
	return nil
}

// AWS's KeyMaterialStates of a material that is not current yet: of one that can
// be, and of imported material that some Region of the key lacks.
const (
	PendingRotation = "PENDING_ROTATION"
	PendingRegions  = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
)

// Turn makes a material of the key's record the current one.
func Turn(r *record.Key, id []byte, at time.Time, rotation string) {
	for i := range r.Materials {
		if m := &r.Materials[i]; bytes.Equal(m.ID, id) {
			m.State, m.RotatedMs, m.RotatedBy = "", at.UnixMilli(), rotation
		}
	}
	r.CurrentMaterial = bytes.Clone(id)
	if rotation == OnDemand {
		if r.Rotation == nil {
			r.Rotation = &record.KeyRotation{}
		}
		r.Rotation.OnDemand++
	}
}

// Due is the row of a key's next automatic rotation; nil if it has none, or is a
// replica, which is rotated with its primary.
func (p *Place) Due(r *record.Key) []byte {
	if r.Rotation == nil || !r.Rotation.Enabled || r.MultiRegion && r.PrimaryRegion != p.Region {
		return nil
	}
	return record.DuePath(p.Region, time.UnixMilli(r.Rotation.NextMs), record.JobRotateKey, p.Account, p.KeyID)
}

// Event is the write of the record of a rotation, a service event as AWS's.
func (p *Place) Event(eventID string, at time.Time, origin, rotation string, previous, current []byte) (store.Op, error) {
	const aws = "AWS Internal"
	details := awsjson.AppendString([]byte(`{"rotationType":`), rotation)
	details = awsjson.AppendString(append(details, `,"keyOrigin":`...), origin)
	details = awsjson.AppendString(append(details, `,"previousKeyMaterialId":`...), hex.EncodeToString(previous))
	details = awsjson.AppendString(append(details, `,"currentKeyMaterialId":`...), hex.EncodeToString(current))
	details = awsjson.AppendString(append(details, `,"keyId":`...), p.KeyID)
	e := audit.Event{
		UserIdentity: audit.UserIdentity{AccountID: p.Account, InvokedBy: aws},
		Time:         at, Source: "kms.amazonaws.com", Name: "RotateKey", Region: p.Region, SourceIP: aws, UserAgent: aws,
		ServiceEventDetails: append(details, '}'), EventID: eventID, Type: audit.TypeServiceEvent, RecipientAccountID: p.Account,
		Resources: []audit.Resource{{AccountID: p.Account, ARN: arn.Key(p.Partition, p.Region, p.Account, p.KeyID)}},
	}
	return audit.OutboxOp(p.Records, p.Region, e.EventID, e.AppendJSON(nil))
}
