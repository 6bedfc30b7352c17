package rotation

import (
	"context"
	"fmt"
	"strconv"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/ops/paging"
	"trent/internal/record"
)

const listKeyRotationsDefault = 100 // AWS: ListKeyRotations, Limit

// ListKeyRotations lists the key's materials, the oldest first: those that a
// rotation made current, or all. A key that cannot be rotated has an empty list.
func (o *Ops) ListKeyRotations(ctx context.Context, c *call.Call, in *api.ListKeyRotationsRequest) (*api.ListKeyRotationsResponse, error) {
	k := c.Key()
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	limit := listKeyRotationsDefault
	if in.Has(api.ListKeyRotationsLimit) {
		limit = int(in.Limit)
	}
	// The place of a material in the list is for good, so it is what a page ends at.
	var places []string
	if k.Spec == key.SymmetricDefault {
		for i := range k.Materials {
			if in.IncludeKeyMaterial == api.IncludeKeyMaterialAllKeyMaterial || !k.Materials[i].Rotated.IsZero() {
				places = append(places, fmt.Sprintf("%08d", i))
			}
		}
	}
	list := append(record.KeyPath(k.Region, k.Account, k.ID), in.IncludeKeyMaterial...)
	page, next, err := paging.Names(region.Seal, c, list, in.Marker, limit, places)
	if err != nil {
		return nil, err
	}
	out := &api.ListKeyRotationsResponse{Rotations: make([]api.RotationsListEntry, len(page)), NextMarker: next, Truncated: next != ""}
	for i, place := range page {
		n, err := strconv.Atoi(place)
		if err != nil {
			return nil, err
		}
		out.Rotations[i] = entry(k, n)
	}
	return out, nil
}

// entry is the key's i-th material as it is listed.
func entry(k *key.Key, i int) api.RotationsListEntry {
	m := &k.Materials[i]
	e := api.RotationsListEntry{KeyId: k.ARN, KeyMaterialId: m.Text}
	if !m.Rotated.IsZero() { // one that waits has a type already
		e.RotationDate, e.RotationType = m.Rotated, m.RotatedBy
	}
	switch {
	case m.Pending != "":
		e.KeyMaterialState = m.Pending
	case i == k.Current:
		e.KeyMaterialState = api.KeyMaterialStateCurrent
	default:
		e.KeyMaterialState = api.KeyMaterialStateNonCurrent
	}
	if k.Origin == key.OriginExternal {
		e.KeyMaterialDescription, e.ImportState, e.ValidTo = m.Description, api.ImportStateImported, m.Expires
		e.ExpirationModel = api.ExpirationModelTypeKeyMaterialDoesNotExpire
		if !m.Expires.IsZero() {
			e.ExpirationModel = api.ExpirationModelTypeKeyMaterialExpires
		}
		if len(m.Token) == 0 {
			e.ImportState, e.ExpirationModel = api.ImportStatePendingImport, ""
		}
	}
	return e
}
