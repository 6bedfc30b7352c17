// Package aliases has the operations on aliases, which are resources of their
// own. One file an operation. It must never touch a key's record. Only
// internal/service imports it.
package aliases

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Limits  quota.Limits
}

const aliasPrefix = "alias/"

// checkRoom returns an error if the key can have no further alias.
func (o *Ops) checkRoom(ctx context.Context, k *key.Key) error {
	limit := o.Limits.AliasesPerKey
	prefix := record.AliasOfKeyPrefix(k.Region, k.Account, k.ID)
	have, _, _, err := o.Store.Range(ctx, prefix, record.PrefixEnd(prefix), limit)
	if err != nil {
		return err
	}
	if len(have) >= limit {
		return apierr.New(apierr.LimitExceeded, "%s has reached the limit of %d aliases.", k.ARN, limit)
	}
	return nil
}
