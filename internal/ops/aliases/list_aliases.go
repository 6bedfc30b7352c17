package aliases

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/keydir"
	"trent/internal/ops/paging"
	"trent/internal/record"
	"trent/internal/seal"
)

const listAliasesDefault = 50 // AWS: ListAliases, Limit

// ListAliases lists the account's aliases in the Region, or one key's, in the
// order of their names.
func (o *Ops) ListAliases(ctx context.Context, c *call.Call, in *api.ListAliasesRequest) (*api.ListAliasesResponse, error) {
	region, err := o.Regions.Region(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	limit := listAliasesDefault
	if in.Has(api.ListAliasesLimit) {
		limit = min(int(in.Limit), 100) // AWS's maximum; the shape's is 1000
	}
	var found []keydir.Alias
	var next string
	if k := c.Key(); k != nil {
		found, next, err = o.ofKey(ctx, c, region.Seal, in.Marker, limit)
	} else {
		found, next, err = o.ofAccount(ctx, c, region.Seal, in.Marker, limit)
	}
	if err != nil {
		return nil, err
	}
	out := &api.ListAliasesResponse{Aliases: make([]api.AliasListEntry, len(found)), NextMarker: next, Truncated: next != ""}
	for i, a := range found {
		out.Aliases[i] = api.AliasListEntry{
			AliasName: a.Name, AliasArn: arn.Alias(c.Partition, c.Region, c.Caller.Account, a.Name),
			TargetKeyId: a.KeyID, CreationDate: a.Created, LastUpdatedDate: a.Updated,
		}
	}
	return out, nil
}

func (o *Ops) ofAccount(ctx context.Context, c *call.Call, s *seal.Sealer, marker string, limit int) ([]keydir.Alias, string, error) {
	page, next, err := paging.List(ctx, o.Store, s, c, record.AliasPrefix(c.Region, c.Caller.Account), marker, limit)
	if err != nil {
		return nil, "", err
	}
	found := make([]keydir.Alias, len(page))
	for i, kv := range page {
		if found[i], err = o.Keys.DecodeAlias(ctx, c.Region, c.Caller.Account, kv); err != nil {
			return nil, "", err
		}
	}
	return found, next, nil
}

func (o *Ops) ofKey(ctx context.Context, c *call.Call, s *seal.Sealer, marker string, limit int) ([]keydir.Alias, string, error) {
	k := c.Key()
	prefix := record.AliasOfKeyPrefix(k.Region, k.Account, k.ID)
	page, next, err := paging.List(ctx, o.Store, s, c, prefix, marker, limit)
	if err != nil {
		return nil, "", err
	}
	var found []keydir.Alias
	for _, kv := range page {
		a, err := o.Keys.Alias(ctx, c.Region, c.Caller.Account, aliasPrefix+string(kv.Key[len(prefix):]))
		if errors.Is(err, keydir.ErrNotFound) {
			continue // deleted since the page was read
		}
		if err != nil {
			return nil, "", err
		}
		if a.KeyID == k.ID { // else it points to another key since then
			found = append(found, a)
		}
	}
	return found, next, nil
}
