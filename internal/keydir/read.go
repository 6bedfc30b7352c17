package keydir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// part reads a record that must be there because the key's is: a key without
// its policy is no key that does not exist, it is one that was tampered with.
func (d *Dir) part(ctx context.Context, path []byte) (store.KV, error) {
	kv, err := d.get(ctx, path)
	if errors.Is(err, ErrNotFound) {
		err = record.ErrTampered
	}
	return kv, err
}

// A reading makes one snapshot of the key's records. They are read one after the
// other; the cache sees a change between two reads.
type reading struct {
	*Dir
	records *record.Sealer
	key     *key.Key
	bytes   int // that the snapshot takes, about
}

// What a snapshot takes besides its records: itself, and what is compiled for
// each byte of a policy.
const (
	snapshotSize = 640
	materialSize = 300 // itself, its texts, and its place in an index of many
	compiledSize = 8
)

// read makes a snapshot, and says how many bytes it takes.
func (d *Dir) read(ctx context.Context, path []byte, region, account, keyID string) (*key.Key, int, error) {
	kv, err := d.get(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	records, err := d.records(ctx, region)
	if err != nil {
		return nil, 0, err
	}
	var r record.Key
	if _, err := records.Open(kv.Key, kv.Value, record.TypeKey, &r); err != nil {
		return nil, 0, fmt.Errorf("key record %s: %w", keyID, err)
	}
	if r.State == record.StateDeleting { // its other records may be gone already
		return nil, 0, ErrNotFound
	}
	k := d.Snapshot(region, account, keyID, &r)
	k.Revision = int64(kv.Mod)
	reading := &reading{Dir: d, records: records, key: k, bytes: snapshotSize + len(kv.Value)}
	for _, part := range [...]struct {
		what string
		read func(context.Context) error
	}{
		{"key policy", reading.policy},
		{"tags", reading.tags},
		{"aliases", reading.aliases},
		{"materials", func(ctx context.Context) error { return reading.materials(ctx, &r) }},
	} {
		if err := part.read(ctx); err != nil {
			return nil, 0, fmt.Errorf("%s of %s: %w", part.what, keyID, err)
		}
	}
	return k, reading.bytes, nil
}

func (r *reading) policy(ctx context.Context) error {
	k := r.key
	kv, err := r.part(ctx, record.PolicyPath(k.Region, k.Account, k.ID))
	if err != nil {
		return err
	}
	var p record.Policy
	if _, err := r.records.Open(kv.Key, kv.Value, record.TypePolicy, &p); err != nil {
		return err
	}
	document, err := policy.Parse(p.Document)
	if err != nil {
		return err
	}
	k.Policy, k.Rules = p.Document, policy.Compile(document, p.Bound)
	r.bytes += len(kv.Value) + compiledSize*len(p.Document)
	return nil
}

func (r *reading) tags(ctx context.Context) error {
	k := r.key
	kv, err := r.get(ctx, record.TagsPath(k.Region, k.Account, k.ID))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var tags record.Tags
	if _, err := r.records.Open(kv.Key, kv.Value, record.TypeTags, &tags); err != nil {
		return err
	}
	k.Tags = tags.Tags
	r.bytes += 2 * len(kv.Value)
	return nil
}

// aliases reads the key's aliases: the index says which they may be, and their
// records, which nobody can make up, that they are.
func (r *reading) aliases(ctx context.Context) error {
	k := r.key
	prefix := record.AliasOfKeyPrefix(k.Region, k.Account, k.ID)
	rows, _, _, err := r.store.Range(ctx, prefix, record.PrefixEnd(prefix), key.MaxAliases+1)
	if err != nil {
		return err
	}
	for _, row := range rows {
		a, err := r.Alias(ctx, k.Region, k.Account, aliasPrefix+string(row.Key[len(prefix):]))
		if errors.Is(err, ErrNotFound) || err == nil && a.KeyID != k.ID {
			continue // deleted or moved since
		}
		if err != nil {
			return err
		}
		k.Aliases = append(k.Aliases, a.Name)
		r.bytes += len(a.Name) + 16
	}
	return nil
}

func (r *reading) materials(ctx context.Context, stored *record.Key) error {
	k := r.key
	for i, m := range stored.Materials {
		if len(m.ID) != len(key.MaterialID{}) {
			return record.ErrTampered
		}
		text := hex.EncodeToString(m.ID)
		material := key.Material{
			ID: key.MaterialID(m.ID), Text: text, Created: date(m.CreatedMs), Pending: m.State, Description: m.Description, Expires: date(m.ValidToMs),
			Rotated: date(m.RotatedMs), RotatedBy: m.RotatedBy,
		}
		if string(m.ID) == string(stored.CurrentMaterial) {
			k.Current = i
		}
		r.bytes += materialSize
		if m.ImportState == record.PendingImport { // there is no token
			k.Materials = append(k.Materials, material)
			continue
		}
		kv, err := r.part(ctx, record.MaterialPath(k.Region, k.Account, k.ID, m.ID))
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		var mat record.Material
		if _, err := r.records.Open(kv.Key, kv.Value, record.TypeMaterial, &mat); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		material.Token, material.Generation = mat.Token, mat.Generation
		k.Materials = append(k.Materials, material)
		r.bytes += len(kv.Value)
	}
	k.Index()
	return nil
}
