// Package key owns what a KMS key is: its specs, usages, origins, states and
// materials as an immutable snapshot, and the table of what an operation may
// do with a key in which state. It is pure: no store, no clock, no module.
// It must never hold key material, only exported key tokens that it cannot
// read. Everyone on the service's side may import it.
package key

import (
	"encoding/hex"
	"slices"
	"time"

	"trent/internal/arn"
	"trent/internal/policy"
)

// MaxAliases is the number of aliases by which conditions can judge a key: AWS
// denies what they ask of a key with more.
const MaxAliases = 50

// MaterialID commits to one key material of one key id: 32 bytes, shown as 64
// lower-case hex digits (AWS: KeyMaterialId).
type MaterialID [32]byte

// String returns the 64 lower-case hex digits that AWS shows.
func (id MaterialID) String() string { return hex.EncodeToString(id[:]) }

// State is a KeyState of AWS KMS.
type State string

// The key states.
const (
	Enabled                State = "Enabled"
	Disabled               State = "Disabled"
	PendingDeletion        State = "PendingDeletion"
	PendingImport          State = "PendingImport"
	PendingReplicaDeletion State = "PendingReplicaDeletion"
	Unavailable            State = "Unavailable"
	Creating               State = "Creating"
	Updating               State = "Updating"
)

// Origin is an OriginType of AWS KMS.
type Origin string

// The origins that keys of Trent can have.
const (
	OriginAWSKMS   Origin = "AWS_KMS"  // the module made the material
	OriginExternal Origin = "EXTERNAL" // the material was imported
)

// Material is one key material (HBK) of a key: its id and the exported key
// token (EKT) that only the crypto module can open.
type Material struct {
	ID         MaterialID
	Text       string // of ID, as answers and records show it
	Token      []byte // empty if the material was imported and has been deleted, or has expired
	Generation uint32 // of the domain key that wraps Token

	Created     time.Time // zero for materials of release 0.1
	Pending     string    // KeyMaterialState of a material that was never used yet: PENDING_ROTATION or PENDING_MULTI_REGION_IMPORT_AND_ROTATION
	Description string    // of imported material
	Expires     time.Time // of imported material; zero: never
	Rotated     time.Time // when it became the current one; zero for the first and for pending ones
	RotatedBy   string    // RotationType, with Rotated, and while a multi-Region key's replicas lack it
}

// Rotation is what a key's automatic and on-demand rotations are like.
type Rotation struct {
	Enabled    bool
	PeriodDays int
	Next       time.Time // of the automatic ones, if they are enabled
	OnDemand   int       // on-demand rotations so far
}

// Key is a snapshot of a KMS key. It is immutable: whoever changes a key
// makes a new one. The authorization and the operation see the same snapshot.
type Key struct {
	Partition string
	Region    string
	Account   string // 12 digits, the owner
	ID        string // UUID or mrk- and 32 hex digits
	ARN       string

	Spec         Spec
	Usage        Usage
	Origin       Origin
	State        State
	MultiRegion  bool
	Description  string
	Created      time.Time
	DeletionDate time.Time      // zero unless PendingDeletion
	Policy       string         // key policy document, JSON as given
	Rules        *policy.Policy // the same, compiled
	Tags         map[string]string
	Aliases      []string   // names with "alias/", in order; more than MaxAliases stand for too many
	PublicKey    []byte     // SPKI of an asymmetric key, which has one material, whose id commits to it
	Materials    []Material // oldest first; see Index
	Current      int        // index into Materials; -1 if none
	Rotation     Rotation
	Brownout     Brownout

	PendingDays    int      // waiting period of a key that is PendingReplicaDeletion, for when its replicas are gone
	PrimaryRegion  string   // of a multi-Region key, may be its own
	ReplicaRegions []string // of a multi-Region key, without the primary's

	byID    map[MaterialID]int // of Materials, if they are many
	expires time.Time          // the first of Materials; zero: none

	Revision int64 // store revision of the key record, for compare-and-swap
}

// Primary reports whether the key is a multi-Region key's primary.
func (k *Key) Primary() bool { return k.MultiRegion && k.PrimaryRegion == k.Region }

// Replica returns the key as it is to be in another Region when it has just been
// asked for there: with what the members of a multi-Region key share, and nothing else.
func (k *Key) Replica(region string) *Key {
	return &Key{
		Partition: k.Partition, Region: region, Account: k.Account, ID: k.ID, ARN: arn.Key(k.Partition, region, k.Account, k.ID),
		Spec: k.Spec, Usage: k.Usage, Origin: k.Origin, State: Creating, MultiRegion: true, PublicKey: k.PublicKey, Current: -1,
		Rotation: k.Rotation, PrimaryRegion: k.PrimaryRegion, ReplicaRegions: k.ReplicaRegions,
	}
}

// CurrentMaterial returns the material that encrypts; nil if there is none.
func (k *Key) CurrentMaterial() *Material {
	if k.Current < 0 || k.Current >= len(k.Materials) {
		return nil
	}
	return &k.Materials[k.Current]
}

// fewMaterials are found by looking at each.
const fewMaterials = 8

// Index makes Material find any of many materials at the same cost, and At know
// when one expires. Who makes a snapshot calls it, last.
func (k *Key) Index() {
	for i := range k.Materials {
		if at := k.Materials[i].Expires; !at.IsZero() && (k.expires.IsZero() || at.Before(k.expires)) {
			k.expires = at
		}
	}
	if len(k.Materials) <= fewMaterials {
		return
	}
	k.byID = make(map[MaterialID]int, len(k.Materials))
	for i := range k.Materials {
		k.byID[k.Materials[i].ID] = i
	}
}

// At returns the key as it is at a time: imported material that has expired by then
// is gone, although internal/jobs may not have come to it yet.
func (k *Key) At(now time.Time) *Key {
	if k.expires.IsZero() || now.Before(k.expires) {
		return k
	}
	expired := *k
	expired.Materials = slices.Clone(k.Materials)
	for i := range expired.Materials {
		m := &expired.Materials[i]
		if m.Expires.IsZero() || now.Before(m.Expires) {
			continue
		}
		m.Token, m.Expires = nil, time.Time{}
		if m.Pending == "" && k.State != PendingDeletion && k.State != PendingReplicaDeletion {
			expired.State = PendingImport
		}
	}
	return &expired
}

// Material returns the material with that id; nil if it is not this key's.
func (k *Key) Material(id MaterialID) *Material {
	if k.byID != nil {
		i, ok := k.byID[id]
		if !ok {
			return nil
		}
		return &k.Materials[i]
	}
	for i := range k.Materials {
		if k.Materials[i].ID == id {
			return &k.Materials[i]
		}
	}
	return nil
}
