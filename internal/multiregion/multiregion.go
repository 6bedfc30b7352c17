// Package multiregion owns what the members of a multi-Region key have to do
// with each other: which there are, which of them is the primary, what they
// share and what each has for itself. A member is a key record in its own Region,
// of the same account and key id; all Regions are in one store, so whatever
// concerns several members is one transaction.
//
// It must never ask the crypto module for anything, and never decide who may
// change a key. internal/jobs and the operations may import it. Source: AWS KMS
// Developer Guide, "Multi-Region keys in AWS KMS".
package multiregion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// MaxMembers is how many Regions a key can be in. All its records are written in
// one transaction, with at most two rows more for each: that is what a transaction
// has room for, and their bytes too, with the longest descriptions and more than a
// thousand materials.
const MaxMembers = 30

// Records returns a Region's record sealer.
type Records func(ctx context.Context, region string) (*record.Sealer, error)

// A Member is the key in one Region.
type Member struct {
	Region  string
	Record  record.Key
	Records *record.Sealer
	Mod     store.Rev // of the record as it was read; 0 for one that is to be made

	path    []byte
	version uint64
}

// State is the member's state.
func (m *Member) State() key.State { return key.State(m.Record.State) }

// Gone reports that the member's deletion has begun: nothing is brought to it
// any more.
func (m *Member) Gone() bool { return m.Record.State == record.StateDeleting }

// Find returns the place of a material in the member's list; nil if it has none.
func (m *Member) Find(id []byte) *record.KeyMaterial {
	for i := range m.Record.Materials {
		if string(m.Record.Materials[i].ID) == string(id) {
			return &m.Record.Materials[i]
		}
	}
	return nil
}

// Has reports whether the member has a material, or its place in the list.
func (m *Member) Has(id []byte) bool { return m.Find(id) != nil }

// Complete reports whether the member has all materials of the primary.
func (m *Member) Complete(primary *Member) bool {
	return !slices.ContainsFunc(primary.Record.Materials, func(k record.KeyMaterial) bool { return !m.Has(k.ID) })
}

// Key is a multi-Region key with all its members.
type Key struct {
	Account, ID string
	Members     []*Member // the primary is the first
}

// Errors of Read.
var (
	// ErrNotFound: the Region has no such multi-Region key.
	ErrNotFound = errors.New("multiregion: not found")
	// ErrChanged: a member went while the others were read.
	ErrChanged = errors.New("multiregion: changed meanwhile")
)

// Read reads the members of the key that is in a Region. Their records were not
// read at one time: whoever writes has them all as conditions.
func Read(ctx context.Context, st store.Store, records Records, region, account, keyID string) (*Key, error) {
	k := &Key{Account: account, ID: keyID}
	found, err := k.read(ctx, st, records, region)
	if err != nil {
		return nil, err
	}
	if !found.Record.MultiRegion {
		return nil, ErrNotFound
	}
	for _, region := range append([]string{found.Record.PrimaryRegion}, found.Record.ReplicaRegions...) {
		m := found
		if region != found.Region {
			m, err = k.read(ctx, st, records, region)
			if errors.Is(err, ErrNotFound) {
				err = ErrChanged
			}
			if err != nil {
				return nil, fmt.Errorf("member in %s of multi-Region key %s: %w", region, keyID, err)
			}
		}
		k.Members = append(k.Members, m)
	}
	if !slices.Contains(k.Members, found) {
		return nil, fmt.Errorf("multi-Region key %s in %s: %w", keyID, region, record.ErrTampered)
	}
	return k, nil
}

func (k *Key) read(ctx context.Context, st store.Store, records Records, region string) (*Member, error) {
	m := &Member{Region: region, path: record.KeyPath(region, k.Account, k.ID)}
	kv, _, err := st.Get(ctx, m.path)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if m.Records, err = records(ctx, region); err != nil {
		return nil, err
	}
	if m.version, err = m.Records.Open(m.path, kv.Value, record.TypeKey, &m.Record); err != nil {
		return nil, fmt.Errorf("key record: %w", err)
	}
	m.Mod = kv.Mod
	return m, nil
}

// Primary is the primary.
func (k *Key) Primary() *Member { return k.Members[0] }

// In returns the member in a Region; nil if there is none.
func (k *Key) In(region string) *Member {
	for _, m := range k.Members {
		if m.Region == region {
			return m
		}
	}
	return nil
}

// Add adds a replica that is to be made.
func (k *Key) Add(region string, records *record.Sealer, r record.Key) {
	k.Members = append(k.Members, &Member{Region: region, Record: r, Records: records, path: record.KeyPath(region, k.Account, k.ID)})
}

// Remove takes a replica out: its record is deleted by its owner.
func (k *Key) Remove(region string) {
	k.Members = slices.DeleteFunc(k.Members, func(m *Member) bool { return m.Region == region })
}

// MakePrimary makes the member in a Region the primary, and the primary a replica.
func (k *Key) MakePrimary(region string) {
	for i, m := range k.Members {
		if m.Region == region {
			k.Members[0], k.Members[i] = m, k.Members[0]
		}
	}
}

// Writes are the writes of all members' records, with what they share brought
// from the primary to the others, if nobody has changed one since it was read.
func (k *Key) Writes() (cmps []store.Cmp, ops []store.Op, err error) {
	k.Share()
	for _, m := range k.Members {
		op, err := m.Seal()
		if err != nil {
			return nil, nil, err
		}
		cmps = append(cmps, store.Cmp{Key: m.path, Mod: m.Mod})
		ops = append(ops, op)
	}
	return cmps, ops, nil
}

// Seal is the write of the member's record.
func (m *Member) Seal() (store.Op, error) {
	value, err := m.Records.Seal(m.path, record.TypeKey, m.version+1, &m.Record)
	return store.Op{Key: m.path, Value: value}, err
}

// Share brings to all members what they have in common: the roles and the
// rotation. Materials are shared too, but come one by one.
func (k *Key) Share() {
	primary := k.Primary()
	replicas := make([]string, 0, len(k.Members)-1)
	for _, m := range k.Members[1:] {
		replicas = append(replicas, m.Region)
	}
	slices.Sort(replicas)
	for _, m := range k.Members {
		m.Record.PrimaryRegion, m.Record.ReplicaRegions = primary.Region, replicas
		if rotation := primary.Record.Rotation; rotation != nil && m != primary {
			shared := *rotation
			m.Record.Rotation = &shared
		}
	}
}

// Due is the row that has internal/jobs bring to the other members what one of
// them lacks.
func (k *Key) Due(at time.Time) store.Op {
	return store.Op{Key: record.DuePath(k.Primary().Region, at, record.JobReplicate, k.Account, k.ID)}
}
