// Package keys has the operations on the keys themselves: creating,
// describing, listing, switching on and off, scheduling their deletion. One file an operation. It must
// never use key material. Only internal/service imports it.
package keys

import (
	"context"
	"io"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/ops/keypolicy"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Module  *use.Module
	Rules   *keypolicy.Rules
	Limits  quota.Limits
	Quota   *quota.Keys
	// Rand makes key ids.
	Rand io.Reader
}

// metadata is a key's KeyMetadata.
func metadata(k *key.Key) *api.KeyMetadata {
	m := &api.KeyMetadata{
		AWSAccountId:          k.Account,
		KeyId:                 k.ID,
		Arn:                   k.ARN,
		CreationDate:          k.Created,
		Enabled:               k.State == key.Enabled,
		Description:           k.Description,
		KeyUsage:              string(k.Usage),
		KeyState:              string(k.State),
		DeletionDate:          k.DeletionDate,
		Origin:                string(k.Origin),
		KeyManager:            api.KeyManagerTypeCustomer,
		CustomerMasterKeySpec: string(k.Spec),
		KeySpec:               string(k.Spec),
		MultiRegion:           k.MultiRegion,
	}
	switch k.Usage {
	case key.EncryptDecrypt:
		m.EncryptionAlgorithms = k.Algorithms()
	case key.SignVerify:
		m.SigningAlgorithms = k.Algorithms()
	case key.GenerateVerifyMAC:
		m.MacAlgorithms = k.Algorithms()
	case key.KeyAgreement:
		m.KeyAgreementAlgorithms = k.Algorithms()
	case key.EncapsulateDecapsulate:
		m.EncapsulationAlgorithms = k.Algorithms()
	}
	current := k.CurrentMaterial()
	if current != nil && k.Spec == key.SymmetricDefault {
		m.CurrentKeyMaterialId = current.Text
	}
	if current != nil && k.Origin == key.OriginExternal && len(current.Token) > 0 {
		m.ValidTo, m.ExpirationModel = current.Expires, api.ExpirationModelTypeKeyMaterialDoesNotExpire
		if !m.ValidTo.IsZero() {
			m.ExpirationModel = api.ExpirationModelTypeKeyMaterialExpires
		}
	}
	return m
}

// setState changes the key's state to s.
func (o *Ops) setState(ctx context.Context, c *call.Call, s key.State) error {
	return o.change(ctx, c, func(r *record.Key) { r.State = string(s) })
}

// change commits what edit makes of the key's record.
func (o *Ops) change(ctx context.Context, c *call.Call, edit func(r *record.Key)) error {
	k := c.Key()
	r, version, ok, err := o.Keys.Record(ctx, k)
	if err != nil {
		return err
	}
	if !ok {
		return call.ErrConflict
	}
	edit(&r)
	return o.write(ctx, c, k, version+1, &r)
}

// write commits a changed key record, and more with it, if the key is still as
// it was authorized.
func (o *Ops) write(ctx context.Context, c *call.Call, k *key.Key, version uint64, r *record.Key, more ...store.Op) error {
	region, err := o.Regions.Region(ctx, k.Region)
	if err != nil {
		return err
	}
	path := record.KeyPath(k.Region, k.Account, k.ID)
	value, err := region.Records.Seal(path, record.TypeKey, version, r)
	if err != nil {
		return err
	}
	return c.Commit(ctx, o.Store, []store.Cmp{{Key: path, Mod: store.Rev(k.Revision)}}, append(more, store.Op{Key: path, Value: value}))
}
