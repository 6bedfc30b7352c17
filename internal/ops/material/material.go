// Package material has the operations on imported key material. One file an
// operation. What is imported is unwrapped in the crypto module; the package must
// never see it in the clear. Only internal/service imports it.
//
// A key with imported material (Origin EXTERNAL) knows its materials for good, by
// their ids: what was imported once can be deleted, expire and be imported again,
// and nothing else can take its place. While one of them is missing the key is
// PendingImport; those that wait for a rotation do not count. Source: AWS KMS
// Developer Guide, "Importing key material".
package material

import (
	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Module  *use.Module
}

// external refuses keys whose material the crypto module makes.
func external(k *key.Key) error {
	if k.Origin != key.OriginExternal {
		return apierr.New(apierr.UnsupportedOperation, "%s origin is %s which is not valid for this operation.", k.ARN, k.Origin)
	}
	return nil
}

// find returns the place of a material in a key's list, -1 if it is not there.
func find(r *record.Key, id []byte) int {
	for i := range r.Materials {
		if string(r.Materials[i].ID) == string(id) {
			return i
		}
	}
	return -1
}
