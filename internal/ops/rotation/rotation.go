// Package rotation has the operations on the rotation of key material. One file
// an operation; what a rotation changes is internal/rotate's. It must never use
// key material. Only internal/service imports it.
package rotation

import (
	"bytes"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/domains"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/ops/keychange"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Module  *use.Module

	ids audit.IDs
}

// rotatable refuses keys that have no automatic rotation: all but symmetric
// encryption keys whose material the crypto module makes, and of multi-Region
// keys all but the primary.
func rotatable(k *key.Key) error {
	switch {
	case k.Spec != key.SymmetricDefault:
		return &apierr.Error{Code: apierr.UnsupportedOperation} // AWS's has no message
	case k.Origin != key.OriginAWSKMS:
		return wrongOrigin(k)
	}
	return primary(k)
}

func wrongOrigin(k *key.Key) error {
	return apierr.New(apierr.UnsupportedOperation, "%s origin is %s which is not valid for this operation.", k.ARN, k.Origin)
}

// primary refuses replicas: what concerns all of a multi-Region key's Regions
// is asked of its primary.
func primary(k *key.Key) error {
	if k.MultiRegion && k.PrimaryRegion != k.Region {
		return apierr.New(apierr.UnsupportedOperation, "%s is not a multi-region primary key.", k.ARN)
	}
	return nil
}

// reschedule writes the due row of the next automatic rotation in place of the
// one before.
func reschedule(ch *keychange.Change, before []byte) {
	due := ch.Due(&ch.Record)
	if before != nil && !bytes.Equal(before, due) { // a transaction writes a row once
		ch.Ops = append(ch.Ops, store.Op{Key: before, Delete: true})
	}
	if due != nil {
		ch.Ops = append(ch.Ops, store.Op{Key: due})
	}
}
