package material

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/ops/keychange"
	"trent/internal/record"
	"trent/internal/store"
)

// DeleteImportedKeyMaterial deletes one of the key's materials, the current one
// unless the request names another. Until it is imported again the key is
// PendingImport; one that only waits for a rotation is forgotten. A row that is due
// now has internal/jobs erase the token from the store's files.
func (o *Ops) DeleteImportedKeyMaterial(ctx context.Context, c *call.Call, in *api.DeleteImportedKeyMaterialRequest) (*api.DeleteImportedKeyMaterialResponse, error) {
	k := c.Key()
	if err := external(k); err != nil {
		return nil, err
	}
	ch, err := keychange.Begin(ctx, c, o.Keys, o.Regions)
	if err != nil {
		return nil, err
	}
	r := &ch.Record
	id := r.CurrentMaterial
	if in.Has(api.DeleteImportedKeyMaterialKeyMaterialId) {
		id, _ = parseID(in.KeyMaterialId)
	}
	out := &api.DeleteImportedKeyMaterialResponse{KeyId: k.ARN, KeyMaterialId: hex.EncodeToString(id)}
	at := find(r, id)
	switch {
	case at < 0 && in.Has(api.DeleteImportedKeyMaterialKeyMaterialId):
		return nil, apierr.New(apierr.NotFound, "Key material %s of %s does not exist", in.KeyMaterialId, k.ARN)
	case at >= 0:
		remove(ch, at)
		synchronize(ch, c.Time)
		ch.Ops = append(ch.Ops, store.Op{Key: record.DuePath(ch.Region, c.Time, record.JobExpireMaterial, ch.Account, ch.KeyID)})
	}
	c.ResponseElements = out.AppendJSON(nil)
	return out, ch.Commit(ctx, c, o.Store)
}

// remove takes the material away. What it encrypted is still known as the key's,
// unless it was never current: then it encrypted nothing.
func remove(ch *keychange.Change, at int) {
	r := &ch.Record
	m := &r.Materials[at]
	if m.State != "" && (!r.MultiRegion || r.PrimaryRegion == ch.Region) {
		forget(ch, m.ID)
		return
	}
	ch.Ops = append(ch.Ops, store.Op{Key: record.MaterialPath(ch.Region, ch.Account, ch.KeyID, m.ID), Delete: true})
	if m.State != "" { // a replica has it to import again
		m.ImportState, m.ValidToMs = record.PendingImport, 0
		return
	}
	m.ImportState, m.ValidToMs = record.PendingImport, 0
	if r.State != string(key.PendingDeletion) && r.State != string(key.PendingReplicaDeletion) {
		r.State = string(key.PendingImport)
	}
}

// forget takes a material that was never current out of the key's list, in all its
// Regions.
func forget(ch *keychange.Change, id []byte) {
	id = bytes.Clone(id) // it is in the list
	for _, region := range append([]string{ch.Region}, ch.Record.ReplicaRegions...) {
		ch.Ops = append(ch.Ops, store.Op{Key: record.MaterialPath(region, ch.Account, ch.KeyID, id), Delete: true}, store.Op{Key: record.IndexPath(region, id), Delete: true})
	}
	drop := func(r *record.Key) {
		r.Materials = slices.DeleteFunc(r.Materials, func(m record.KeyMaterial) bool { return bytes.Equal(m.ID, id) })
	}
	drop(&ch.Record)
	ch.Each = func(m *multiregion.Member) { drop(&m.Record) }
}
