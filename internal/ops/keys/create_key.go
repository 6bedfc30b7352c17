package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/ops/metadata"
	"trent/internal/ops/tagset"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// CreateKey makes a key and its first material.
func (o *Ops) CreateKey(ctx context.Context, c *call.Call, in *api.CreateKeyRequest) (*api.CreateKeyResponse, error) {
	spec, usage := kindOf(in)
	if originOf(in) == key.OriginExternal && !keyspec.Of(spec).Importable() {
		return nil, apierr.New(apierr.UnsupportedOperation, "Key material of the key spec %s cannot be imported.", spec)
	}
	tags, err := tagset.Add(nil, in.Tags, o.Limits.TagsPerKey)
	if err != nil {
		return nil, err
	}
	keyPolicy := &record.Policy{Document: policy.Default(c.Partition, c.Caller.Account)}
	if in.Has(api.CreateKeyPolicy) {
		asked := &key.Key{Region: c.Region, Account: c.Caller.Account, Spec: spec, Usage: usage, Origin: originOf(in), Tags: tags, MultiRegion: in.MultiRegion, PrimaryRegion: c.Region}
		if keyPolicy, err = o.Rules.Check(ctx, c, asked, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	id, err := o.newID(c, in.MultiRegion)
	if err != nil {
		return nil, err
	}
	release, err := o.Quota.Reserve(ctx, c.Region, c.Caller.Account, id)
	if err != nil {
		return nil, err
	}
	defer release()
	r := record.Key{
		CreatedMs: c.Time.UnixMilli(), Spec: string(spec), Usage: string(usage), MultiRegion: in.MultiRegion,
		Origin: string(originOf(in)), State: string(key.PendingImport), Description: in.Description,
	}
	if in.MultiRegion {
		r.PrimaryRegion = c.Region
	}
	var made *use.Created
	if originOf(in) == key.OriginAWSKMS {
		if made, err = o.firstMaterial(ctx, c, id, &r); err != nil {
			return nil, err
		}
	}
	cmps, ops, err := o.newKey(ctx, c, id, &r, made, keyPolicy, tags)
	if err != nil {
		return nil, err
	}
	k := o.Keys.Snapshot(c.Region, c.Caller.Account, id, &r)
	if made != nil {
		k.Materials, k.Current = []key.Material{{ID: made.MaterialID, Text: made.MaterialID.String(), Token: made.Token}}, 0
	}
	out := &api.CreateKeyResponse{KeyMetadata: metadata.Of(k)}
	c.Created, c.ResponseElements = k, metadata.Audited(out.KeyMetadata)
	if err := c.Commit(ctx, o.Store, cmps, ops); err != nil {
		return nil, err
	}
	return out, nil
}

// firstMaterial has the crypto module make the key's first material, with which it
// is enabled.
func (o *Ops) firstMaterial(ctx context.Context, c *call.Call, id string, r *record.Key) (*use.Created, error) {
	made, err := o.Module.CreateKey(ctx, c.Permit(), id, key.Spec(r.Spec), key.Usage(r.Usage), r.MultiRegion)
	if err != nil {
		return nil, err
	}
	r.State, r.PublicKey, r.CurrentMaterial = string(key.Enabled), made.PublicKey, made.MaterialID[:]
	r.Materials = []record.KeyMaterial{{ID: made.MaterialID[:], CreatedMs: r.CreatedMs}}
	return &made, nil
}

// originOf is where the key's material comes from.
func originOf(in *api.CreateKeyRequest) key.Origin {
	if in.Origin == "" {
		return key.OriginAWSKMS
	}
	return key.Origin(in.Origin)
}

// kindOf returns the spec and the usage that a request asks for: they fit each
// other, which internal/api has checked.
func kindOf(in *api.CreateKeyRequest) (key.Spec, key.Usage) {
	spec := key.Spec(in.KeySpec + in.CustomerMasterKeySpec) // one of the two at most
	if spec == "" {
		spec = key.SymmetricDefault
	}
	usage := key.Usage(in.KeyUsage)
	if usage == "" {
		usage = key.EncryptDecrypt
	}
	return spec, usage
}

// newID is the new key's id: random, but for a seed of trent dev.
func (o *Ops) newID(c *call.Call, multiRegion bool) (string, error) {
	if c.KeyID != "" {
		return c.KeyID, nil
	}
	if multiRegion {
		return arn.NewMultiRegionKeyID(o.Rand)
	}
	return arn.NewKeyID(o.Rand)
}

// newKey returns what stores a new key: its record, its policy, its tags if it has
// some, and its material with the index from it to the key, unless it is imported
// later.
func (o *Ops) newKey(ctx context.Context, c *call.Call, id string, r *record.Key, made *use.Created, keyPolicy *record.Policy, tags map[string]string) ([]store.Cmp, []store.Op, error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, nil, err
	}
	account := c.Caller.Account
	type stored struct {
		path []byte
		t    record.Type
		v    any
	}
	records := []stored{
		{record.KeyPath(c.Region, account, id), record.TypeKey, r},
		{record.PolicyPath(c.Region, account, id), record.TypePolicy, keyPolicy},
	}
	// The key id and the material id are random: if one exists, something is wrong.
	cmps := []store.Cmp{{Key: records[0].path}}
	if made != nil {
		index := record.IndexPath(c.Region, made.MaterialID[:])
		records = append(records,
			stored{record.MaterialPath(c.Region, account, id, made.MaterialID[:]), record.TypeMaterial, &record.Material{Token: made.Token, Generation: made.Generation}},
			stored{index, record.TypeIndex, &record.Index{Account: account, KeyID: id}})
		cmps = append(cmps, store.Cmp{Key: index})
	}
	if len(tags) > 0 {
		records = append(records, stored{record.TagsPath(c.Region, account, id), record.TypeTags, &record.Tags{Tags: tags}})
	}
	var ops []store.Op
	for _, r := range records {
		value, err := region.Records.Seal(r.path, r.t, 1, r.v)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, store.Op{Key: r.path, Value: value})
	}
	return cmps, ops, nil
}
