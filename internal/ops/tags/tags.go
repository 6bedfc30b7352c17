// Package tags has the operations on the tags of keys, which stand in a record
// of their own. One file an operation. It must never touch a key's record.
// Only internal/service imports it.
package tags

import (
	"context"
	"errors"
	"fmt"

	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Regions domains.Finder
	Limits  quota.Limits
}

// stored are a key's tags as the store has them. Without a record tags is nil,
// version and mod are 0.
type stored struct {
	tags    map[string]string
	version uint64
	mod     store.Rev
}

func (o *Ops) read(ctx context.Context, region *domains.Region, k *key.Key) (s stored, err error) {
	kv, _, err := o.Store.Get(ctx, record.TagsPath(k.Region, k.Account, k.ID))
	if errors.Is(err, store.ErrNotFound) {
		return stored{}, nil
	}
	if err != nil {
		return stored{}, err
	}
	var r record.Tags
	version, err := region.Records.Open(kv.Key, kv.Value, record.TypeTags, &r)
	if err != nil {
		return stored{}, fmt.Errorf("tags of %s: %w", k.ID, err)
	}
	return stored{r.Tags, version, kv.Mod}, nil
}

// replace commits other tags of the key, if both it and its tags are still as
// they were read. No tags are no record.
func (o *Ops) replace(ctx context.Context, c *call.Call, region *domains.Region, was stored, tags map[string]string) error {
	k := c.Key()
	write := store.Op{Key: record.TagsPath(k.Region, k.Account, k.ID)}
	if len(tags) == 0 {
		write.Delete = true
	} else {
		value, err := region.Records.Seal(write.Key, record.TypeTags, was.version+1, &record.Tags{Tags: tags})
		if err != nil {
			return err
		}
		write.Value = value
	}
	// The key's revision is a condition: it may have become pending deletion.
	cmps := []store.Cmp{{Key: write.Key, Mod: was.mod}, {Key: record.KeyPath(k.Region, k.Account, k.ID), Mod: store.Rev(k.Revision)}}
	return c.Commit(ctx, o.Store, cmps, []store.Op{write})
}
