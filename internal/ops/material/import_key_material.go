package material

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/ops/keychange"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// maxValid is the longest that imported material can be good, as at AWS.
const maxValid = 365 * 24 * time.Hour

// ImportKeyMaterial gives the key material of its owner's: its first, one that it
// had before, or a new one that waits for RotateKeyOnDemand.
func (o *Ops) ImportKeyMaterial(ctx context.Context, c *call.Call, in *api.ImportKeyMaterialRequest) (*api.ImportKeyMaterialResponse, error) {
	k := c.Key()
	if err := external(k); err != nil {
		return nil, err
	}
	expires, err := expiry(in, c.Time)
	if err != nil {
		return nil, err
	}
	fresh, err := importsNew(k, in)
	if err != nil {
		return nil, err
	}
	made, err := o.Module.ImportKey(ctx, c.Permit(), in.ImportToken, in.EncryptedKeyMaterial, expires)
	if err != nil {
		return nil, err
	}
	ch, err := keychange.Begin(ctx, c, o.Keys, o.Regions)
	if err != nil {
		return nil, err
	}
	at := find(&ch.Record, made.MaterialID[:])
	if err := admissible(k, in, &made, at, fresh); err != nil {
		return nil, err
	}
	if at < 0 {
		at = add(&ch.Record, &made, c.Time)
	}
	synchronize(ch, c.Time)
	if len(ch.Record.PublicKey) == 0 { // a replica's first
		ch.Record.PublicKey = made.PublicKey
	}
	m := &ch.Record.Materials[at]
	m.ImportState, m.ValidToMs = api.ImportStateImported, 0
	if !expires.IsZero() {
		m.ValidToMs = expires.UnixMilli()
	}
	if in.Has(api.ImportKeyMaterialKeyMaterialDescription) {
		m.Description = in.KeyMaterialDescription
	}
	if ch.Record.State == string(key.PendingImport) && ch.Record.Imported() {
		ch.Record.State = string(key.Enabled)
	}
	if err := put(ch, &made, expires); err != nil {
		return nil, err
	}
	out := &api.ImportKeyMaterialResponse{KeyId: k.ARN, KeyMaterialId: made.MaterialID.String()}
	c.ResponseElements = out.AppendJSON(nil)
	return out, ch.Commit(ctx, c, o.Store)
}

// expiry is when the material expires; zero is never.
func expiry(in *api.ImportKeyMaterialRequest, now time.Time) (time.Time, error) {
	if in.ExpirationModel == api.ExpirationModelTypeKeyMaterialDoesNotExpire {
		if in.Has(api.ImportKeyMaterialValidTo) {
			return time.Time{}, apierr.New(apierr.Validation, "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
		}
		return time.Time{}, nil
	}
	if !in.Has(api.ImportKeyMaterialValidTo) {
		return time.Time{}, apierr.New(apierr.Validation, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	}
	// The module knows whole seconds, the store milliseconds.
	at := in.ValidTo.Truncate(time.Second).UTC()
	if left := at.Sub(now); left <= 0 || left > maxValid {
		return time.Time{}, apierr.New(apierr.Validation, "The validTo date must be in the future, and at most 365 days from now")
	}
	return at, nil
}

// importsNew says whether the request asks for material that the key never had.
func importsNew(k *key.Key, in *api.ImportKeyMaterialRequest) (bool, error) {
	never := len(k.Materials) == 0
	if k.MultiRegion && k.PrimaryRegion != k.Region {
		if never || in.ImportType == api.ImportTypeNewKeyMaterial { // what is new comes to the primary first
			return false, apierr.New(apierr.UnsupportedOperation, "%s is not a multi-region primary key.", k.ARN)
		}
		if in.Has(api.ImportKeyMaterialKeyMaterialDescription) {
			return false, apierr.New(apierr.Validation, "The KeyMaterialDescription parameter is valid for the primary key of a multi-Region key only")
		}
	}
	if in.Has(api.ImportKeyMaterialImportType) && k.Spec != key.SymmetricDefault {
		return false, apierr.New(apierr.Validation, "The ImportType parameter is valid for symmetric encryption keys only")
	}
	fresh := never || in.ImportType == api.ImportTypeNewKeyMaterial
	if fresh && in.Has(api.ImportKeyMaterialKeyMaterialId) {
		return false, apierr.New(apierr.Validation, "The KeyMaterialId parameter is not valid when new key material is imported")
	}
	if never && in.ImportType == api.ImportTypeExistingKeyMaterial {
		return false, incorrect()
	}
	return fresh, nil
}

func incorrect() error {
	return apierr.New(apierr.IncorrectKeyMaterial, "The key material in the request is not the key material that was previously imported into this KMS key.")
}

// admissible refuses material that is not what the request says. at is its place
// in the key's list.
func admissible(k *key.Key, in *api.ImportKeyMaterialRequest, made *use.Created, at int, fresh bool) error {
	if in.Has(api.ImportKeyMaterialKeyMaterialId) && in.KeyMaterialId != made.MaterialID.String() || fresh == (at >= 0) {
		return incorrect()
	}
	if !fresh {
		return nil
	}
	for i := range k.Materials {
		if m := &k.Materials[i]; m.Pending != "" {
			return apierr.New(apierr.KMSInvalidState, "New key material (id: %s) cannot be imported into KMS key %s, because another key material (id: %s) is pending rotation.",
				made.MaterialID, k.ARN, m.Text)
		}
	}
	return nil
}

// add puts new material into the key's list and returns its place: the first is
// the current one, another waits for a rotation.
func add(r *record.Key, made *use.Created, now time.Time) int {
	m := record.KeyMaterial{ID: bytes.Clone(made.MaterialID[:]), CreatedMs: now.UnixMilli()}
	if len(r.Materials) == 0 {
		r.CurrentMaterial = m.ID
	} else {
		m.State = rotate.PendingRotation
		if len(r.ReplicaRegions) > 0 {
			m.State = rotate.PendingRegions
		}
	}
	r.Materials = append(r.Materials, m)
	return len(r.Materials) - 1
}

// synchronize has internal/jobs bring what an import or a deletion means to the
// other members of a multi-Region key: which materials there are, and whether all
// Regions have the one that waits for a rotation.
func synchronize(ch *keychange.Change, now time.Time) {
	if ch.Record.MultiRegion && (ch.Record.PrimaryRegion != ch.Region || len(ch.Record.ReplicaRegions) > 0) {
		ch.Ops = append(ch.Ops, store.Op{Key: record.DuePath(ch.Record.PrimaryRegion, now, record.JobReplicate, ch.Account, ch.KeyID)})
	}
}

// put adds the writes of the material itself: its token, the index from it to the
// key, and the row of its expiry. A row of an expiry that no longer holds asks for
// nothing.
func put(ch *keychange.Change, made *use.Created, expires time.Time) error {
	path := record.MaterialPath(ch.Region, ch.Account, ch.KeyID, made.MaterialID[:])
	token, err := ch.Records.Seal(path, record.TypeMaterial, ch.Version+1, &record.Material{Token: made.Token, Generation: made.Generation})
	if err != nil {
		return err
	}
	index := record.IndexPath(ch.Region, made.MaterialID[:])
	owner, err := ch.Records.Seal(index, record.TypeIndex, 1, &record.Index{Account: ch.Account, KeyID: ch.KeyID})
	if err != nil {
		return err
	}
	ch.Ops = append(ch.Ops, store.Op{Key: path, Value: token}, store.Op{Key: index, Value: owner})
	if !expires.IsZero() {
		ch.Ops = append(ch.Ops, store.Op{Key: record.DuePath(ch.Region, expires, record.JobExpireMaterial, ch.Account, ch.KeyID)})
	}
	return nil
}

// parseID reads a KeyMaterialId; ok is false if it is none.
func parseID(text string) (id []byte, ok bool) {
	id, err := hex.DecodeString(text)
	return id, err == nil && len(id) == len(key.MaterialID{})
}
