// Package backup owns backup files: their format (docs/formats.md, "Backup"),
// making one of a running service, verifying one without the service, and
// putting one back into an empty store.
//
// A backup is the store as of one revision, domain tokens included, and a
// manifest that says what it is and which audit record covers it. It never
// holds a key that opens anything: tokens are sealed, and the crypto module's
// key file is not part of it. The package must never write a backup that it
// has not read again on the way, and never trust a manifest before the crypto
// module has released the key of its MAC. Wiring and the operator's commands
// may import it.
package backup

import (
	"errors"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Errors.
var (
	// ErrNotValid: the file is no backup, is cut short, or was changed.
	ErrNotValid = errors.New("not a valid backup")
	// ErrForged: the backup is whole, and was not made by the service whose keys
	// it holds.
	ErrForged = errors.New("the backup's manifest is not authentic: it was not made by the service whose keys it holds")
)

// Manifest is what a backup says about itself.
type Manifest struct {
	Contents Contents `cbor:"1,keyasint"`
	// Release is the version of trent that made it.
	Release string `cbor:"2,keyasint"`
	// CreatedMs is when, in Unix milliseconds.
	CreatedMs int64 `cbor:"3,keyasint"`
	// Bytes and SHA256 are those of the snapshot stream.
	Bytes  uint64 `cbor:"4,keyasint"`
	SHA256 []byte `cbor:"5,keyasint"`
	// Head is an audit record of the service that stands after those of all
	// mutations in the snapshot.
	Head Head `cbor:"6,keyasint"`
}

// Created is when the backup was made, in UTC.
func (m *Manifest) Created() time.Time { return time.UnixMilli(m.CreatedMs).UTC() }

// Contents is what a snapshot holds, as far as it can be seen without keys.
type Contents struct {
	StoreID  []byte   `cbor:"1,keyasint"` // 16 bytes
	Node     []byte   `cbor:"2,keyasint"` // 16 bytes: the node's id in the audit trail
	Dev      bool     `cbor:"3,keyasint"` // of trent dev
	Revision int64    `cbor:"4,keyasint"` // of the store
	Rows     uint64   `cbor:"5,keyasint"` // keys of the store
	Accounts uint64   `cbor:"6,keyasint"`
	Regions  []Region `cbor:"7,keyasint"` // in order of name
}

// Region is a Region, or "global", with its number of KMS keys.
type Region struct {
	Name string `cbor:"1,keyasint"`
	Keys uint64 `cbor:"2,keyasint"`
}

// Head is the end of a node's audit trail: docs/formats.md, "Audit segments".
type Head struct {
	Epoch    uint64 `cbor:"1,keyasint"`
	Sequence uint64 `cbor:"2,keyasint"` // 0: the trail has no record
	Hash     []byte `cbor:"3,keyasint"` // of the record with that sequence, 32 bytes
}

// RegionNames are the names of the Regions, "global" left out.
func (c *Contents) RegionNames() (names []string) {
	for _, r := range c.Regions {
		if r.Name != globalRegion {
			names = append(names, r.Name)
		}
	}
	return names
}

// Keys is the number of KMS keys in all Regions.
func (c *Contents) Keys() (n uint64) {
	for _, r := range c.Regions {
		n += r.Keys
	}
	return n
}

func (c *Contents) equal(other *Contents) bool {
	return slices.Equal(c.StoreID, other.StoreID) && slices.Equal(c.Node, other.Node) && c.Dev == other.Dev &&
		c.Revision == other.Revision && c.Rows == other.Rows && c.Accounts == other.Accounts && slices.Equal(c.Regions, other.Regions)
}

// manifestCBOR are the modes of the manifest: deterministic, and strict.
func manifestCBOR() (cbor.EncMode, cbor.DecMode, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, nil, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	return enc, dec, err
}

func (m *Manifest) marshal() ([]byte, error) {
	enc, _, err := manifestCBOR()
	if err != nil {
		return nil, err
	}
	return enc.Marshal(m)
}

func (m *Manifest) unmarshal(b []byte) error {
	_, dec, err := manifestCBOR()
	if err != nil {
		return err
	}
	return dec.Unmarshal(b, m)
}
