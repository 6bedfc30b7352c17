package keys

import (
	"context"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/ops/tagset"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// CreateKey makes a key and its first material.
func (o *Ops) CreateKey(ctx context.Context, c *call.Call, in *api.CreateKeyRequest) (*api.CreateKeyResponse, error) {
	spec, usage := kindOf(in)
	tags, err := tagset.Add(nil, in.Tags, o.Limits.TagsPerKey)
	if err != nil {
		return nil, err
	}
	keyPolicy := &record.Policy{Document: policy.Default(c.Partition, c.Caller.Account)}
	if in.Has(api.CreateKeyPolicy) {
		asked := &key.Key{Region: c.Region, Account: c.Caller.Account, Spec: spec, Usage: usage, Origin: key.OriginAWSKMS, Tags: tags}
		if keyPolicy, err = o.Rules.Check(ctx, c, asked, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	id, err := o.newID(c)
	if err != nil {
		return nil, err
	}
	release, err := o.Quota.Reserve(ctx, c.Region, c.Caller.Account, id)
	if err != nil {
		return nil, err
	}
	defer release()
	made, err := o.Module.CreateKey(ctx, c.Permit(), id, spec, usage, false)
	if err != nil {
		return nil, err
	}
	r := record.Key{
		CreatedMs: c.Time.UnixMilli(), Spec: string(spec), Usage: string(usage),
		Origin: string(key.OriginAWSKMS), State: string(key.Enabled), Description: in.Description,
		Materials: []record.KeyMaterial{{ID: made.MaterialID[:], CreatedMs: c.Time.UnixMilli()}}, CurrentMaterial: made.MaterialID[:],
		PublicKey: made.PublicKey,
	}
	cmps, ops, err := o.newKey(ctx, c, id, &r, &made, keyPolicy, tags)
	if err != nil {
		return nil, err
	}
	k := o.Keys.Snapshot(c.Region, c.Caller.Account, id, &r)
	k.Materials, k.Current = []key.Material{{ID: made.MaterialID, Text: made.MaterialID.String()}}, 0
	out := &api.CreateKeyResponse{KeyMetadata: metadata(k)}
	c.Created, c.ResponseElements = k, auditedCreate(out.KeyMetadata)
	if err := c.Commit(ctx, o.Store, cmps, ops); err != nil {
		return nil, err
	}
	return out, nil
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
func (o *Ops) newID(c *call.Call) (string, error) {
	if c.KeyID != "" {
		return c.KeyID, nil
	}
	return arn.NewKeyID(o.Rand)
}

// newKey returns what stores a new key: its record, its policy, its material,
// the index from the material to the key, and its tags if it has some.
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
		{record.MaterialPath(c.Region, account, id, made.MaterialID[:]), record.TypeMaterial, &record.Material{Token: made.Token, Generation: made.Generation}},
		{record.IndexPath(c.Region, made.MaterialID[:]), record.TypeIndex, &record.Index{Account: account, KeyID: id}},
	}
	if len(tags) > 0 {
		records = append(records, stored{record.TagsPath(c.Region, account, id), record.TypeTags, &record.Tags{Tags: tags}})
	}
	var cmps []store.Cmp
	var ops []store.Op
	for _, r := range records {
		value, err := region.Records.Seal(r.path, r.t, 1, r.v)
		if err != nil {
			return nil, nil, err
		}
		ops = append(ops, store.Op{Key: r.path, Value: value})
	}
	// The key id and the material id are random: if one exists, something is wrong.
	cmps = append(cmps, store.Cmp{Key: ops[0].Key}, store.Cmp{Key: ops[3].Key})
	return cmps, ops, nil
}
